"""From what is relevant in a frame to blocks that keep their quality.

Source: Artic, arXiv 2602.12641, which adds up to 25 to the quantizer of a block of 64 pixels, the
more the farther it is from a box. Blocks of 16 and one offset outside save three times as many
bits at the same quality inside, and as much of the rest is left: docs/benchmarks.md.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtc.allocation.regions import Box

BLOCK = 16  # pixels to a side of a block: a macroblock of H.264 and VP8
HIGHEST_QP = 51  # of H.264 with 8 bits, ITU-T H.264 section 7.4.2.1.1
MAX_OFFSET = 25  # Artic
OUTSIDE = 21  # is added to the quantizer of what is not relevant; measured
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


def relevant_blocks(
    boxes: Sequence[Box], size: tuple[int, int], block: int = BLOCK
) -> NDArray[np.bool_]:
    """Return which blocks of a frame are at least partly in a box, (rows, columns).

    `size` is the width and height in pixels, and `block` the side of a block.

    Raises:
        ValueError: the frame is empty.
    """
    if min(size) < 1:
        raise ValueError(f"expected a frame with pixels, got {size[0]}x{size[1]}")
    width, height = size
    blocks = np.zeros((-(-height // block), -(-width // block)), np.bool_)
    for box in boxes:
        rows = _touched(box.top * height, box.bottom * height, block)
        columns = _touched(box.left * width, box.right * width, block)
        blocks[rows, columns] = True
    return blocks


def _touched(low: float, high: float, block: int) -> slice:
    """Return the blocks along one side that a span of pixels touches; a hundredth does not count.

    Edges of cells are fractions, so those at the edge of a block may lie a little beyond it.
    """
    first = int((low + 0.01) // block)
    return slice(first, max(first + 1, int(-(-(high - 0.01) // block))))
