"""Quantized matrices as planes of 4 bits, without rounding.

    Q4_0, Q4_1   one plane
    Q8_0         two: q = 16 * high + low

Source: the block layouts of ggml.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.language.quantized.gguf import BLOCK, Bytes, Floats, Stored, half, nibbles

Q8_0 = 8  # number of the type in a file


@dataclass(frozen=True, slots=True, eq=False)
class NibblePlane:
    """A matrix, (out, in), of `scale` * `q` + `offset`.

    `q` is uint8 (out, in) in 0 to 15; `scale` and `offset` are float32 (out, in / BLOCK).
    """

    q: Bytes
    scale: Floats
    offset: Floats

    def floats(self) -> Floats:
        """Return the matrix, float32 (out, in)."""
        blocks = self.q.reshape(*self.scale.shape, BLOCK) * self.scale[..., None]
        whole: Floats = (blocks + self.offset[..., None]).reshape(self.q.shape)
        return whole

    def reordered(self, rows: NDArray[np.int64]) -> "NibblePlane":
        """Return the plane with its rows in the order `rows`."""
        return NibblePlane(self.q[rows], self.scale[rows], self.offset[rows])


def nibble_planes(stored: Stored) -> list[NibblePlane]:
    """Return the planes whose sum is the matrix `stored`.

    Raises:
        ValueError: its type is not one of `PLANES`.
    """
    if stored.kind not in PLANES:
        raise ValueError(f"a tensor of type {stored.kind} cannot be kept in 4 bits")
    rows, columns = stored.shape
    shape = (rows, columns // BLOCK)
    return [
        NibblePlane(q.reshape(rows, columns), scale.reshape(shape), offset.reshape(shape))
        for q, scale, offset in PLANES[stored.kind](stored.raw)
    ]


def int8(stored: Stored) -> tuple[NDArray[np.int8], Floats]:
    """Return the matrix `stored`, of type Q8_0, as int8 (out, in) and scales (out, in / BLOCK).

    Raises:
        ValueError: it is of another type.
    """
    if stored.kind != Q8_0:
        raise ValueError(f"expected a tensor of type {Q8_0}, got one of type {stored.kind}")
    rows, columns = stored.shape
    scale = half(stored.raw, 0).reshape(rows, columns // BLOCK)
    return np.ascontiguousarray(stored.raw[:, 2:]).view(np.int8).reshape(rows, columns), scale


def concatenated(matrices: Sequence[Sequence[NibblePlane]]) -> list[NibblePlane]:
    """Return the planes of the rows of all matrices, in order."""
    return [
        NibblePlane(
            np.concatenate([plane.q for plane in level]),
            np.concatenate([plane.scale for plane in level]),
            np.concatenate([plane.offset for plane in level]),
        )
        for level in zip(*matrices, strict=True)
    ]


Parts = tuple[Bytes, Floats, Floats]


def _q4_0(raw: Bytes) -> list[Parts]:
    scale = half(raw, 0)
    return [(nibbles(raw[:, 2:]), scale, -8 * scale)]


def _q4_1(raw: Bytes) -> list[Parts]:
    return [(nibbles(raw[:, 4:]), half(raw, 0), half(raw, 2))]


def _q8_0(raw: Bytes) -> list[Parts]:
    scale = half(raw, 0)
    raised = raw[:, 2:] ^ np.uint8(128)  # q + 128
    high, low = raised >> np.uint8(4), raised & np.uint8(15)
    return [(high, 16 * scale, -128 * scale), (low, scale, np.zeros_like(scale))]


PLANES = {2: _q4_0, 3: _q4_1, Q8_0: _q8_0}
