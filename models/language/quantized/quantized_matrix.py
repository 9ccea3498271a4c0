"""Matrices in 4 bits with low-rank changes."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.language.quantized.nibble_planes import Floats, NibblePlane, concatenated

LoraPair = tuple[Floats, Floats]  # A, (rank, in), and B, (out, rank): W + B A


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedMatrix:
    """A matrix, (out, in): the sum of its `planes`, and of a low-rank `change` to it."""

    planes: Sequence[NibblePlane]
    change: LoraPair

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns: out, in."""
        out, width = self.planes[0].q.shape
        return out, width


def quantized_matrix(
    planes: Sequence[NibblePlane], change: LoraPair | None = None
) -> QuantizedMatrix:
    """Return the matrix of `planes`, with a low-rank `change` if there is one."""
    out, width = planes[0].q.shape
    none = np.zeros((0, width), np.float32), np.zeros((out, 0), np.float32)
    return QuantizedMatrix(planes, change or none)


def stacked(matrices: Sequence[QuantizedMatrix]) -> QuantizedMatrix:
    """Return one matrix with the rows of all, for products with the same input."""
    firsts = [part.change[0] for part in matrices]
    seconds = [part.change[1] for part in matrices]
    rows = sum(len(second) for second in seconds)
    second = np.zeros((rows, sum(part.shape[1] for part in seconds)), np.float32)
    row = column = 0
    for part in seconds:
        second[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return QuantizedMatrix(
        concatenated([part.planes for part in matrices]), (np.concatenate(firsts), second)
    )


def fingerprint(weight: QuantizedMatrix) -> int:
    """Return a checksum of the matrix."""
    mark = 0
    for plane in weight.planes:
        for part in (plane.q, plane.scale, plane.offset):
            mark = zlib.crc32(np.ascontiguousarray(part).tobytes(), mark)
    for change in weight.change:
        mark = zlib.crc32(np.ascontiguousarray(change).tobytes(), mark)
    return mark
