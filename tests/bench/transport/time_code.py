"""The number of a frame, drawn into its upper left corner so that it survives a video encoder.

Sixteen bits of the number and eight of a checksum are cells, black or white, in two rows.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
COLUMNS, ROWS = 12, 2
NUMBER_BITS, CHECK_BITS = 16, 8
BLACK, WHITE = 16, 235  # luma of limited range, ITU-R BT.601
MIDDLE = 128


def stamp(luma: Plane, number: int) -> None:
    """Draw `number` into a luma plane (height, width)."""
    side = _side(luma.shape[0])
    for place, bit in enumerate(_bits(number)):
        y, x = (side * each for each in divmod(place, COLUMNS))
        luma[y : y + side, x : x + side] = WHITE if bit else BLACK


def read(plane: Plane) -> int | None:
    """Return the number in a plane (height, width) of luma or green; None if it is damaged."""
    side = _side(plane.shape[0])
    cells = plane[: ROWS * side, : COLUMNS * side].reshape(ROWS, side, COLUMNS, side)
    edge = side // 4
    middles = cells[:, edge : side - edge, :, edge : side - edge].mean(axis=(1, 3)).ravel()
    value = int("".join("1" if middle > MIDDLE else "0" for middle in middles), 2)
    number, check = value >> CHECK_BITS, value & ((1 << CHECK_BITS) - 1)
    return number if check == _check(number) else None


def _side(height: int) -> int:
    """Return the side of a cell: whole blocks of chroma, so that the code has no color."""
    return max(8, height // 30 * 2)


def _check(number: int) -> int:
    return zlib.crc32(number.to_bytes(2)) & ((1 << CHECK_BITS) - 1)


def _bits(number: int) -> list[bool]:
    value = number << CHECK_BITS | _check(number)
    size = NUMBER_BITS + CHECK_BITS
    return [bool(value >> (size - 1 - place) & 1) for place in range(size)]
