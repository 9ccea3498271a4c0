"""Make the sample clip of the page from its sources; README.md beside this file names them.

    python tests/data/clips/make.py bigbuckbunny.mp4 jfk.flac LJ001-0007.flac sample.webm

The picture runs forwards and backwards, so it loops without a jump and is as long as the sound.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

SIZE = (640, 360)
FPS = 25
RATE = 48_000
PAUSE = 1.5  # seconds of silence after each speaker: a turn ends, however patient the detector


def picture(path: Path) -> list[av.VideoFrame]:
    """Return the frames of `path`, scaled to SIZE, forwards and then backwards."""
    with av.open(str(path)) as source:
        frames = [
            frame.reformat(*SIZE, format="yuv420p", interpolation="LANCZOS")
            for frame in source.decode(video=0)
        ]
    return frames + frames[-2:0:-1]


def sound(paths: list[Path]) -> NDArray[np.float32]:
    """Return the speech of `paths`, mono float32 at RATE, each at the same level before a pause."""
    parts: list[NDArray[np.float32]] = []
    for path in paths:
        resampler = AudioResampler(format="flt", layout="mono", rate=RATE)
        with av.open(str(path)) as source:
            chunks = [
                out.to_ndarray()[0]
                for frame in [*source.decode(audio=0), None]
                for out in resampler.resample(frame)
            ]
        samples = np.concatenate(chunks).astype(np.float32)
        parts += [samples * (0.7 / np.abs(samples).max()), np.zeros(int(PAUSE * RATE), np.float32)]
    return np.concatenate(parts)


def write(frames: list[av.VideoFrame], samples: NDArray[np.float32], path: Path) -> None:
    """Write a WebM of VP8 and Opus, as long as `samples`, repeating `frames` as needed."""
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libvpx", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.bit_rate = 190_000
        video.gop_size = 4 * FPS
        video.options = {"deadline": "best", "auto-alt-ref": "1", "lag-in-frames": "25"}
        audio = sink.add_stream("libopus", rate=RATE, layout="mono")
        audio.bit_rate = 32_000
        for index in range(round(len(samples) / RATE * FPS)):
            copy = av.VideoFrame.from_ndarray(
                frames[index % len(frames)].to_ndarray(), format="yuv420p"
            )
            copy.pts, copy.time_base = index, Fraction(1, FPS)
            sink.mux(video.encode(copy))
            first = index * RATE // FPS
            chunk = samples[first : first + RATE // FPS]
            block = av.AudioFrame.from_ndarray(chunk[None], format="flt", layout="mono")
            block.pts, block.rate, block.time_base = first, RATE, Fraction(1, RATE)
            sink.mux(audio.encode(block))
        sink.mux(video.encode(None))
        sink.mux(audio.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("speech", type=Path, nargs="+")
    parser.add_argument("clip", type=Path)
    chosen = parser.parse_args()
    write(picture(chosen.video), sound(chosen.speech), chosen.clip)


if __name__ == "__main__":
    main()
