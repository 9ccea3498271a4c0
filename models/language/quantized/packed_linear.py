"""A product with a matrix in 4 bits, for export.

A block is w = scale * q + offset, and with S the sums over blocks

    x W^T  =  x (scale * (q - 8))^T  +  x S (offset + 8 * scale)^T

where the first product has weights in 4 bits, and the second is thin: it has a column for each
block. In an exported file the first is a DequantizeLinear and a MatMul, which ONNX Runtime fuses
to one operator and TensorRT reads as its own weights in 4 bits.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType
from numpy.typing import NDArray
from torch import Tensor, nn

from models.engine import OPSET
from models.language.quantized.nibble_planes import BLOCK, Bytes, Floats, NibblePlane, int8

ZERO = 8  # what is subtracted from the stored 0 to 15


class PackedLinear(nn.Module):
    """x (..., in) to (..., out) by the matrix (out, in)."""

    def __init__(self, planes: Sequence[NibblePlane]) -> None:
        """The matrix is the sum of `planes`."""
        super().__init__()
        first, second = _thin(planes)
        self.first, self.second = nn.Buffer(_tensor(first)), nn.Buffer(_tensor(second))
        self.planes = nn.ModuleList(
            _Plane(plane.q.astype(np.int8) - np.int8(ZERO), plane.scale) for plane in planes
        )

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_exporting():
            return x @ self._dense
        total = x @ self.first @ self.second
        for plane in self.planes:
            total = total + x @ plane()
        return total

    @cached_property
    def _dense(self) -> Tensor:
        """The whole matrix, (in, out), unpacked at its first use in PyTorch."""
        whole = self.first @ self.second
        for plane in self.planes:
            whole += plane()
        return whole


class _Plane(nn.Module):
    """int8 (in, out) in -8 to 7, and scales (in / BLOCK, out)."""

    def __init__(self, q: NDArray[Any], scale: Floats) -> None:
        super().__init__()
        self.q, self.scale = nn.Buffer(_tensor(q.T)), nn.Buffer(_tensor(scale.T))

    def forward(self) -> Tensor:
        """Return the plane, (in, out), of the type of its scales."""
        if torch.compiler.is_exporting():
            whole: Tensor = torch.onnx.ops.symbolic(
                "DequantizeLinear",
                [self.q, self.scale],
                attrs={"axis": 0, "block_size": BLOCK},
                dtype=self.scale.dtype,
                shape=self.q.shape,
                version=OPSET,
            )
            return whole
        blocks = self.q.to(self.scale.dtype).view(-1, BLOCK, self.q.shape[1])
        return (blocks * self.scale[:, None]).flatten(0, 1)


def _thin(planes: Sequence[NibblePlane]) -> tuple[Floats, Floats]:
    """Return S, (in, blocks), and the transpose of offset + 8 * scale, (blocks, out)."""
    width = planes[0].q.shape[1]
    sums = np.repeat(np.eye(width // BLOCK, dtype=np.float32), BLOCK, axis=0)
    offsets = np.sum([plane.offset + ZERO * plane.scale for plane in planes], axis=0)
    return sums, offsets.T


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


class QuantizedEmbedding(nn.Module):
    """Embeddings in blocks of 8 bits, unpacked as they are taken.

    So a table that is mapped from a file takes memory for the rows in use alone.
    """

    def __init__(self, rows: Bytes, kind: GGMLQuantizationType) -> None:
        """`rows` is uint8, (vocabulary, bytes a row), of type Q8_0.

        Raises:
            ValueError: `kind` is another type.
        """
        super().__init__()
        int8(rows[:1], kind)
        self._rows, self._kind = rows, kind

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of `tokens`, int64 (count,): float32 (count, width)."""
        q, scale = int8(self._rows[tokens.numpy()], self._kind)
        blocks = q.reshape(*scale.shape, BLOCK) * scale[..., None]
        return torch.from_numpy(blocks.reshape(q.shape))
