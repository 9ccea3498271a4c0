"""Which pictures of a stream are looked at: pure, fed with pictures in order of time.

A look costs far more than a picture: so few while nothing happens, more while somebody speaks
or waits for something.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.frames import VideoFrame
from media.pipeline.limits import Sampling

COARSE = 24  # rows and columns, about, of the points that two pictures are compared by


@dataclass(frozen=True, slots=True, eq=False)
class AnalyzedFrame:
    """The last look: its time, and its picture at a few points, int16 (rows, columns, 3)."""

    time: float
    points: NDArray[np.int16]

    @classmethod
    def at(cls, frame: VideoFrame) -> "AnalyzedFrame":
        """Return the state after looking at `frame`."""
        return cls(frame.time, _points(frame.pixels))


def due(
    last: AnalyzedFrame | None, frame: VideoFrame, sampling: Sampling, *, attentive: bool
) -> AnalyzedFrame | None:
    """Return the state after looking at `frame`, or None where it is not to be looked at.

    An `attentive` look is not put off because the picture stays the same.
    """
    if last is not None and frame.time - last.time < sampling.attentive_interval:
        return None
    if last is not None and not attentive and frame.time - last.time < sampling.interval:
        return None
    looked = AnalyzedFrame.at(frame)
    if last is None or attentive or frame.time - last.time >= sampling.still_interval:
        return looked
    return looked if _differs(last.points, looked.points, sampling.threshold) else None


def _points(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    height, width, _ = pixels.shape
    few = pixels[:: max(1, height // COARSE), :: max(1, width // COARSE)]
    return few.astype(np.int16)


def _differs(one: NDArray[np.int16], other: NDArray[np.int16], change: float) -> bool:
    if one.shape != other.shape:  # the stream was resized or turned
        return True
    return float(np.abs(one - other).mean()) >= change
