"""From what is relevant in a frame to quantizers, block by block.

Source: Artic, arXiv 2602.12641: blocks of 64 pixels, `resp = 1` inside of a box and `1 - d / d_max`
outside of it, `QP = 51 (1 - resp^gamma)`, and an offset to the encoder's own choice.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtc.allocation.regions import Box

BLOCK = 64  # pixels to a side of a block, Artic
GAMMA = 2.0  # of the response, as in the third run of Artic
HIGHEST_QP = 51  # of H.264 with 8 bits, ITU-T H.264 section 7.4.2.1.1
BASE_QP = 26  # from which offsets count, Artic
MAX_OFFSET = 25  # Artic
RELEVANT = 0.5  # a cell of a relevance map at or above this is relevant


def relevant_boxes(values: NDArray[np.float32]) -> tuple[Box, ...]:
    """Return the relevant cells of a relevance map, (rows, columns) in [0, 1].

    Raises:
        ValueError: the map has no cells.
    """
    if values.ndim != 2 or not values.size:
        raise ValueError(f"expected a map of rows and columns, got the shape {values.shape}")
    rows, columns = values.shape
    found = np.argwhere(values >= RELEVANT).tolist()
    return tuple(
        Box(column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        for row, column in found
    )


def qp_offsets(boxes: Sequence[Box], size: tuple[int, int]) -> NDArray[np.int64]:
    """Return what to add to the quantizer of each block of a frame, int64 (rows, columns).

    `size` is the width and height in pixels. Without boxes nothing is more relevant than the rest,
    and all offsets are 0: where a rate is given, only differences have an effect.

    Raises:
        ValueError: the frame is empty.
    """
    if min(size) < 1:
        raise ValueError(f"expected a frame with pixels, got {size[0]}x{size[1]}")
    columns, rows = (-(-side // BLOCK) for side in size)
    if not boxes:
        return np.zeros((rows, columns), np.int64)
    edges = np.array([(each.left, each.top, each.right, each.bottom) for each in boxes])
    edges *= np.tile(size, 2)
    across = _distances(edges[:, 0], edges[:, 2], columns, size[0])
    down = _distances(edges[:, 1], edges[:, 3], rows, size[1])
    squares = down[:, :, None] ** 2 + across[:, None, :] ** 2  # (boxes, rows, columns)
    nearest = np.sqrt(squares.min(0))
    response = 1 - nearest / max(float(nearest.max()), 1.0)
    absolute = HIGHEST_QP * (1 - response**GAMMA)
    offsets: NDArray[np.int64] = np.rint(absolute).astype(np.int64) - BASE_QP
    return offsets.clip(0, MAX_OFFSET)


def _distances(
    low: NDArray[np.float64], high: NDArray[np.float64], count: int, side: int
) -> NDArray[np.float64]:
    """Return how many pixels lie between boxes and blocks along one side, (boxes, blocks)."""
    begin = np.arange(count) * BLOCK
    end = np.minimum(begin + BLOCK, side)
    gap = np.maximum(begin - high[:, None], low[:, None] - end)
    return np.maximum(gap, 0.0)
