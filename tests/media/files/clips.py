"""Writes video files of many kinds, with distinct frames, for tests."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

HZ = 1000  # of the timestamps that are written


def picture(number: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """Return a square that moves over stripes, with noise: partly predictable for a codec."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 2 + number, y * 3, (x + y) * 2 - number], axis=2) % 256
    base[10:30, (7 * number) % width : (7 * number) % width + 20] = 250
    noise = np.random.default_rng(number).integers(0, 24, base.shape)
    return (base // 2 + noise).astype(np.uint8)


def even_times(count: int, rate: int = 20, *, start: int = 0) -> list[int]:
    return [start + round(n * HZ / rate) for n in range(count)]


def write_video(
    path: Path,
    times: Sequence[int],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    turned: int = 0,
    kind: str | None = None,
    keys: Iterable[int] = (),
) -> Path:
    """Write a frame at each of `times`, in milliseconds; frames `keys` are keyframes."""
    forced = set(keys)
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=20, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        base = Fraction(1, 20) if codec in ("mpeg2video", "mpeg4") else Fraction(1, HZ)
        stream.codec_context.time_base = base
        if turned:
            stream.set_display_rotation(turned)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(Fraction(time, HZ) / base), base
            if number in forced:
                frame.pict_type = av.video.frame.PictureType.I
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_audio_with_cover(path: Path) -> Path:
    """Write audio with cover art as its only video stream."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("flac", rate=16_000, layout="mono")
        cover = container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = 96, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(picture(0), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path
