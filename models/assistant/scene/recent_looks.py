"""The last looks of a stream, of which the sharpest is read: the newest may be blurred."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from models.assistant.scene.perception import Pixels

WINDOW = 0.9  # seconds before the newest look in which another may take its place
SHARPER = 1.2  # times the sharpness of the newest, from which an earlier look is better
GRID = 24  # rows and columns, about, of the points by which two looks are compared
MAX_DIFFERENCE = 30.0  # of 255, in the mean: other looks show something else


class RecentLooks:
    """Pictures of the last looks, uint8 (height, width, 3) RGB; they are not copied."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Pixels]] = deque()

    def add(self, pixels: Pixels, time: float) -> None:
        """Add the newest look, and forget those that are older than `WINDOW`."""
        self._looks.append((time, pixels))
        while self._looks[0][0] < time - WINDOW:
            self._looks.popleft()

    @property
    def newest(self) -> tuple[float, Pixels] | None:
        """The time and the picture of the newest look."""
        return self._looks[-1] if self._looks else None

    def sharpest(self) -> Pixels | None:
        """Return the sharpest look that shows what the newest does; None before the first look."""
        if not self._looks:
            return None
        newest = self._looks[-1][1]
        best, most = newest, SHARPER * sharpness(newest)
        for _, pixels in list(self._looks)[:-1]:
            if _alike(pixels, newest) and (found := sharpness(pixels)) > most:
                best, most = pixels, found
        return best


def sharpness(pixels: Pixels) -> float:
    """Return the variance of the Laplacian of the green channel.

    Source: Pech-Pacheco et al. 2000 (diatom autofocusing).
    """
    if min(pixels.shape[:2]) < 3:
        return 0.0
    green = pixels[:, :, 1].astype(np.int16)
    around = green[:-2, 1:-1] + green[2:, 1:-1] + green[1:-1, :-2] + green[1:-1, 2:]
    return float((4 * green[1:-1, 1:-1] - around).var())


def _alike(one: Pixels, other: Pixels) -> bool:
    if one.shape != other.shape:
        return False
    return float(np.abs(_points(one) - _points(other)).mean()) <= MAX_DIFFERENCE


def _points(pixels: Pixels) -> NDArray[np.int16]:
    height, width, _ = pixels.shape
    points = pixels[:: max(1, height // GRID), :: max(1, width // GRID)]
    return points.astype(np.int16)
