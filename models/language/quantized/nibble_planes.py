"""Quantized matrices as planes of 4 bits, without rounding.

    Q4_0, Q4_1   one plane
    Q8_0         two: q = 16 * high + low

Source: the block layouts of ggml.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

BLOCK = 32  # weights in a block
Q4_0, Q4_1, Q8_0 = (
    GGMLQuantizationType.Q4_0,
    GGMLQuantizationType.Q4_1,
    GGMLQuantizationType.Q8_0,
)


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


def nibble_planes(data: Bytes, kind: GGMLQuantizationType) -> list[NibblePlane]:
    """Return the planes whose sum is the matrix stored as `data`, (out, bytes a row).

    Raises:
        ValueError: `kind` is not one of `PLANES`.
    """
    if kind not in PLANES:
        raise ValueError(f"a tensor of type {kind} cannot be kept in 4 bits")
    blocks = _blocks(data, kind)
    shape = blocks.shape[:2]
    return [
        NibblePlane(q.reshape(len(data), -1), scale.reshape(shape), offset.reshape(shape))
        for q, scale, offset in PLANES[kind](blocks.reshape(-1, blocks.shape[2]))
    ]


def int8(data: Bytes, kind: GGMLQuantizationType) -> tuple[NDArray[np.int8], Floats]:
    """Return the matrix stored as `data` of type Q8_0, (out, bytes a row).

    It is int8 (out, in) and float32 scales (out, in / BLOCK).

    Raises:
        ValueError: `kind` is another type.
    """
    if kind != Q8_0:
        raise ValueError(f"expected a tensor of type {Q8_0}, got one of type {kind}")
    blocks = _blocks(data, kind)
    q = np.ascontiguousarray(blocks[..., 2:]).view(np.int8)
    q = q.reshape(len(data), blocks.shape[1] * BLOCK)
    return q, _half(blocks, 0)[..., 0]


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


def fingerprint(planes: Sequence[NibblePlane]) -> int:
    """Return a checksum of the matrix."""
    mark = 0
    for plane in planes:
        for part in (plane.q, plane.scale, plane.offset):
            mark = zlib.crc32(np.ascontiguousarray(part).tobytes(), mark)
    return mark


def _blocks(data: Bytes, kind: GGMLQuantizationType) -> Bytes:
    """Return `data` as (out, blocks, bytes a block)."""
    rows, size = data.shape
    block = GGML_QUANT_SIZES[kind][1]
    return data.reshape(rows, size // block, block)


def _half(raw: Bytes, at: int) -> Floats:
    """Return the float16 at byte `at` of each block, (..., 1)."""
    return np.ascontiguousarray(raw[..., at : at + 2]).view(np.float16).astype(np.float32)


def _nibbles(raw: Bytes) -> Bytes:
    """Return (blocks, 32): low halves of 16 bytes, then high halves."""
    return np.concatenate([raw & 15, raw >> 4], 1)


Parts = tuple[Bytes, Floats, Floats]


def _q4_0(raw: Bytes) -> list[Parts]:
    scale = _half(raw, 0)
    return [(_nibbles(raw[:, 2:]), scale, -8 * scale)]


def _q4_1(raw: Bytes) -> list[Parts]:
    return [(_nibbles(raw[:, 4:]), _half(raw, 0), _half(raw, 2))]


def _q8_0(raw: Bytes) -> list[Parts]:
    scale = _half(raw, 0)
    raised = raw[:, 2:] ^ np.uint8(128)  # q + 128
    high, low = raised >> np.uint8(4), raised & np.uint8(15)
    return [(high, 16 * scale, -128 * scale), (low, scale, np.zeros_like(scale))]


PLANES = {Q4_0: _q4_0, Q4_1: _q4_1, Q8_0: _q8_0}
