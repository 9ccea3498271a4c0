"""What the processes of a run tell each other: the plan before it, their logs after it.

Times are of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.frames import VideoFrame
from tests.bench.transport import time_code

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run: `callee` is "stock" or "ours", and the caller is stock aiortc.

    `up` says that the caller sends the media, otherwise the callee does.
    """

    callee: str
    up: bool = True
    size: tuple[int, int] = (640, 360)
    rate: float = 30.0
    seed: int = 0
    speech: float = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame in the hands of a receiver: `number` is None if its time code cannot be read.

    One that `stands_in` is a substitute, which shows what was seen before.
    """

    time: float
    number: int | None = None
    check: int = 0
    stands_in: bool = False

    @classmethod
    def of(cls, time: float, frame: VideoFrame) -> "SeenFrame":
        return cls(time, time_code.read(frame.pixels[..., 1]), checksum(frame))


@dataclass(frozen=True, slots=True)
class HeardSound:
    """Samples in the hands of a receiver; `start` counts samples of its own timeline."""

    time: float
    start: int
    rate: int
    samples: Samples


@dataclass(slots=True)
class SideLog:
    """What one side did; `packets` are its RTP packets of video, before encryption.

    `captured` has the time of each frame, and `spoken` of each 20 ms of sound. `concealed` has the
    spans of the receiver's timeline in which the sound is made up, in seconds. `cpu` are seconds of
    the window that is measured.
    """

    captured: dict[int, float] = field(default_factory=dict)
    spoken: list[float] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    codec: tuple[str, int] = ("", 0)  # name and payload type of the video that is sent
    seen: list[SeenFrame] = field(default_factory=list)
    heard: list[HeardSound] = field(default_factory=list)
    concealed: list[tuple[float, float]] = field(default_factory=list)
    notices: list[tuple[float, str]] = field(default_factory=list)
    cpu: float = 0.0


def checksum(frame: VideoFrame) -> int:
    """Return a checksum of every second pixel of every second row."""
    return zlib.crc32(frame.pixels[::2, ::2].tobytes())
