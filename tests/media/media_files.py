"""Writes small media files for tests."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def tone(seconds: float, rate: int = 16_000, *, hz: float = 440.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def write_sound(
    path: Path,
    samples: NDArray[np.float32],
    rate: int,
    *,
    channels: int = 1,
    codec: str = "pcm_s16le",
) -> Path:
    pcm = np.repeat(np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16), channels)
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_clip(path: Path, *, frames: int = 30, rate: int = 10, seconds: float = 3.0) -> Path:
    """Write frames whose gray level is their number, with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        for n in range(frames):
            pixels = np.full((48, 64, 3), 4 * n + 20, np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = n
            picture.time_base = Fraction(1, rate)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = tone(seconds, 48_000)
        for start in range(0, len(samples), 1024):
            block = samples[None, start : start + 1024]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "mono")
            frame.sample_rate = 48_000
            frame.pts = start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path
