"""Lossless compression of tensors.

The bytes of the numbers are split into planes that are compressed separately: signs and exponents
of neighbors are similar, low mantissa bits are noise, and one code does not fit both.
Keys and values of SmolLM2-135M over words take 0.84 of their bytes in float32, 0.86 in float16
and 0.70 in bfloat16; without planes 0.92, 0.93 and 0.79.
"""

import math
import sys

import numpy as np
import torch
from torch import Tensor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 1  # level 3 is slower and, on keys and values, smaller by 1 % at most
DTYPES = {str(d).removeprefix("torch."): d for d in (torch.float16, torch.bfloat16, torch.float32)}
DTYPES["float64"] = torch.float64


def pack(tensor: Tensor) -> bytes:
    """Return `tensor` as compressed bytes, without its shape and type."""
    flat = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    planes = np.ascontiguousarray(flat.reshape(-1, tensor.element_size()).T)
    return b"".join(zstd.compress(plane.data, LEVEL) for plane in planes)


def unpack(data: bytes | memoryview, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return the tensor that `pack` compressed.

    Raises:
        ValueError: the bytes are not those of such a tensor.
    """
    try:
        planes = np.frombuffer(zstd.decompress(data), np.uint8)
    except zstd.ZstdError as error:
        raise ValueError(f"not compressed by zstd, or cut short: {error}") from error
    size = dtype.itemsize
    if len(planes) != math.prod(shape) * size:
        raise ValueError(f"expected {math.prod(shape) * size} bytes, got {len(planes)}")
    flat = np.array(planes.reshape(size, -1).T, order="C")  # a copy: that of zstd is read-only
    return torch.from_numpy(flat).view(-1).view(dtype).view(shape)
