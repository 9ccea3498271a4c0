"""Publishes a second of a gray picture and of silence with FFmpeg's WHIP muxer.

A program of its own, because PyAV holds Python's lock while the muxer waits for the answer:
`python -m tests.web.signaling.ffmpeg_publisher URL PROFILE [OPTION=VALUE ...]`
"""

import sys
import time
from fractions import Fraction

import av
import numpy as np

FRAMES = 25
RATE = 48_000


def publish(url: str, profile: str, options: dict[str, str]) -> None:
    """Publish in real time, with H.264 of this profile."""
    with av.open(url, "w", format="whip", options=options) as sink:
        video = sink.add_stream(
            "libx264", rate=FRAMES, options={"tune": "zerolatency", "profile": profile}
        )
        video.width, video.height, video.pix_fmt, video.max_b_frames = 320, 240, "yuv420p", 0
        audio = sink.add_stream("libopus", rate=RATE)
        audio.layout, audio.format = "stereo", "s16"
        for index in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 128, np.uint8))
            picture.pts, picture.time_base = index, Fraction(1, FRAMES)
            sink.mux(video.encode(picture))
            silence = np.zeros((1, 2 * RATE // FRAMES), np.int16)
            sound = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
            sound.sample_rate, sound.pts = RATE, index * RATE // FRAMES
            sound.time_base = Fraction(1, RATE)
            sink.mux(audio.encode(sound))
            time.sleep(1 / FRAMES)  # noqa: TID251  (a program, without an event loop)


if __name__ == "__main__":
    publish(sys.argv[1], sys.argv[2], dict(option.split("=", 1) for option in sys.argv[3:]))
