"""Merges relevant blocks into few rectangles, which is what encoders take."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rtc.allocation.qp_map import BLOCK, OUTSIDE, relevant_blocks
from rtc.allocation.regions import Box, Region

MAX_REGIONS = 12  # FFmpeg's filter for each costs 0.1 ms when regions change
BLOCKS = (BLOCK, 2 * BLOCK, 4 * BLOCK, 8 * BLOCK)  # sides of blocks, from fine to coarse
WHOLE = Box(0.0, 0.0, 1.0, 1.0)

Mask = NDArray[np.bool_]
Place = tuple[int, int, int, int]  # first row, first column, and behind the last of both


def regions_of(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Region, ...]:
    """Return regions that keep the quality of all boxes, and that of no more than is needed.

    `size` is the width and height of the frame in pixels. The last region is all the rest. Without
    boxes, and if they are everywhere, there are none: only differences have an effect.

    Raises:
        ValueError: the frame is empty.
    """
    for block in BLOCKS:
        relevant = relevant_blocks(boxes, size, block)
        if relevant.all() or not relevant.any():
            return ()
        found = [_box(place, size, block) for place in _cover(relevant)]
        if len(found) < MAX_REGIONS:
            break
    else:
        found = [_around(boxes)]
    if found == [WHOLE]:
        return ()
    return (*(Region(box, 0) for box in found), Region(WHOLE, OUTSIDE))


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _cover(relevant: Mask) -> Iterator[Place]:
    """Yield rectangles that have all relevant blocks, and no others."""
    missing = relevant.copy()
    while missing.any():
        place = _largest(relevant, missing)
        top, left, bottom, right = place
        missing[top:bottom, left:right] = False
        yield place


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


def _box(place: Place, size: tuple[int, int], block: int) -> Box:
    width, height = size
    top, left, bottom, right = (each * block for each in place)
    return Box(left / width, top / height, min(right / width, 1.0), min(bottom / height, 1.0))
