"""Which frames of a stream are analyzed: a pure function of frames in order of time.

Analyzing a frame is slow, so still video is analyzed seldom. While a user speaks or waits for
something, frames are analyzed regularly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.frames import VideoFrame
from media.pipeline.limits import Sampling

GRID = 24  # rows and columns, about, of the points by which two frames are compared


@dataclass(frozen=True, slots=True, eq=False)
class AnalyzedFrame:
    """The last analyzed frame: its times and a grid of its points, int16 (rows, columns, 3).

    `time` is the moment that it stood for, `captured` when it was captured.
    """

    time: float
    captured: float
    points: NDArray[np.int16]

    @classmethod
    def at(cls, frame: VideoFrame) -> "AnalyzedFrame":
        """Return the state after `frame` was analyzed."""
        return cls(frame.moment, frame.time, _points(frame.pixels))


def due(
    last: AnalyzedFrame | None, frame: VideoFrame, sampling: Sampling, *, attentive: bool
) -> AnalyzedFrame | None:
    """Return the state after analyzing `frame`, or None if it is not to be analyzed.

    With `attentive` still video is analyzed as often as other video.
    """
    if last is not None and frame.moment - last.time < sampling.attentive_interval:
        return None
    if last is not None and not attentive and frame.moment - last.time < sampling.interval:
        return None
    analyzed = AnalyzedFrame.at(frame)
    if last is None or attentive or frame.moment - last.time >= sampling.still_interval:
        return analyzed
    return analyzed if _differs(last.points, analyzed.points, sampling.threshold) else None


def _points(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    height, width, _ = pixels.shape
    points = pixels[:: max(1, height // GRID), :: max(1, width // GRID)]
    return points.astype(np.int16)


def _differs(one: NDArray[np.int16], other: NDArray[np.int16], threshold: float) -> bool:
    if one.shape != other.shape:  # the stream was resized or turned
        return True
    return float(np.abs(one - other).mean()) >= threshold
