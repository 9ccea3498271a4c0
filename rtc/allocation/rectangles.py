"""Merges a map of quantizers into few rectangles, which is what encoders take."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rtc.allocation.qp_map import BLOCK, MAX_OFFSET
from rtc.allocation.regions import Box, Region

MAX_REGIONS = 12  # FFmpeg's filter for each costs 0.1 ms when regions change
STEPS = (5, 9, 13, MAX_OFFSET)  # of offsets that are told apart, from fine to coarse

Mask = NDArray[np.bool_]
Place = tuple[int, int, int, int]  # first row, first column, and behind the last of both


def regions_of(offsets: NDArray[np.int64], size: tuple[int, int]) -> tuple[Region, ...]:
    """Return regions with the `offsets` of blocks, rounded down so that few regions have them.

    The first of them are the most relevant. A map without differences has no regions.
    """
    if int(offsets.min()) == int(offsets.max()):
        return ()
    for step in STEPS:
        levels = offsets // step * step
        found = tuple(_cover(levels, size))
        if len(found) <= MAX_REGIONS:
            return found
    least = offsets == offsets.min()
    rows, columns = np.flatnonzero(least.any(1)), np.flatnonzero(least.any(0))
    around = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    whole = (0, 0, *offsets.shape)
    return (Region(_box(around, size), 0), Region(_box(whole, size), MAX_OFFSET))


def _cover(levels: NDArray[np.int64], size: tuple[int, int]) -> Iterator[Region]:
    """Yield regions, the first of which apply, so that each block has its level."""
    covered = np.zeros(levels.shape, np.bool_)
    for level in np.unique(levels).tolist():
        allowed = levels <= level  # what has less is covered already, and earlier regions apply
        missing = (levels == level) & ~covered
        while missing.any():
            place = _largest(allowed, missing)
            top, left, bottom, right = place
            covered[top:bottom, left:right] = True
            missing[top:bottom, left:right] = False
            yield Region(_box(place, size), int(level))


def _largest(allowed: Mask, missing: Mask) -> Place:
    """Return the rectangle in `allowed` from which most is `missing`, around the first such block.

    It is grown from there, in rows first or in columns first.
    """
    row, column = (int(each) for each in np.argwhere(missing)[0])
    one = _grown(allowed, row, column)
    left, top, right, bottom = _grown(allowed.T, column, row)
    other = (top, left, bottom, right)

    def gain(place: Place) -> int:
        return int(missing[place[0] : place[2], place[1] : place[3]].sum())

    return max(one, other, key=gain)


def _grown(allowed: Mask, row: int, column: int) -> Place:
    """Return the rectangle around a block that is as wide as can be, then as high as can be."""
    width = allowed.shape[1]
    blocked = np.flatnonzero(~allowed[row])
    before, after = blocked[blocked < column], blocked[blocked > column]
    left = int(before[-1]) + 1 if before.size else 0
    right = int(after[0]) if after.size else width
    rows = np.flatnonzero(~allowed[:, left:right].all(1))
    above, below = rows[rows < row], rows[rows > row]
    top = int(above[-1]) + 1 if above.size else 0
    bottom = int(below[0]) if below.size else allowed.shape[0]
    return top, left, bottom, right


def _box(place: Place, size: tuple[int, int]) -> Box:
    width, height = size
    top, left, bottom, right = (each * BLOCK for each in place)
    return Box(left / width, top / height, min(right / width, 1.0), min(bottom / height, 1.0))
