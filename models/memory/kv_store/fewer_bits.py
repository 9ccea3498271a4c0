"""Keys and values in 8 or 4 bits: keys by channel, values by token.

Keys have channels that are large in every token, so each channel of a head has a range of its own
over the tokens of a block; values have none, so each token has a range. Keys are stored before
rotation, where channels do not mix.

Source: KIVI, Liu et al. 2024, arXiv 2402.02750, section 3.
"""

import math
from typing import Literal

import torch
from torch import Tensor

Bits = Literal[4, 8]

LARGEST = 65_504.0  # of float16, in which ranges are stored
AXES = (-2, -1)  # over which the range of keys is, and that of values


def quantize(memory: Tensor, bits: Bits) -> Tensor:
    """Return keys and values, (layers, 2, key heads, tokens, width), as uint8 (layers, bytes)."""
    numbers, ranges = [], []
    for part, axis in zip(memory.float().clamp(-LARGEST, LARGEST).unbind(1), AXES, strict=True):
        low = part.amin(axis, keepdim=True).half()
        step = ((part.amax(axis, keepdim=True) - low.float()) / (2**bits - 1)).half()
        whole = ((part - low.float()) / step.float().clamp(min=1e-12)).round()
        whole = whole.clamp(0, 2**bits - 1).to(torch.uint8).flatten(1)
        numbers.append(whole if bits == 8 else whole[:, 0::2] | whole[:, 1::2] << 4)
        ranges += [low.flatten(1).view(torch.uint8), step.flatten(1).view(torch.uint8)]
    return torch.cat([*numbers, *ranges], 1)


def dequantize(data: Tensor, shape: tuple[int, ...], bits: Bits, dtype: torch.dtype) -> Tensor:
    """Return the keys and values that `quantize` stored in uint8 `data`, (..., bytes).

    `shape` is (2, key heads, tokens, width), of an even width; the result is (..., *shape).

    Raises:
        ValueError: there are not as many bytes as that takes.
    """
    if data.shape[-1] != quantized_bytes(shape, bits):
        raise ValueError(f"expected {quantized_bytes(shape, bits)} bytes, got {data.shape[-1]}")
    _, heads, tokens, width = shape
    each = heads * tokens * width * bits // 8
    counts = (heads * width, heads * tokens)  # of ranges
    sizes = [each, each, *(2 * count for count in counts for _ in range(2))]
    parts = torch.split(data, sizes, -1)
    made = []
    for index, size in enumerate(((heads, 1, width), (heads, tokens, 1))):
        low, step = (
            torch.unflatten(part.contiguous().view(torch.float16).float(), -1, size)
            for part in parts[2 + 2 * index : 4 + 2 * index]
        )
        whole = parts[index]
        if bits == 4:
            whole = torch.stack([whole & 15, whole >> 4], -1).flatten(-2)
        made.append(torch.unflatten(whole, -1, (heads, tokens, width)).float() * step + low)
    return torch.stack(made, -4).to(dtype)


def quantized_bytes(shape: tuple[int, ...], bits: Bits) -> int:
    """Return the bytes of one layer, (2, key heads, tokens, width)."""
    _, heads, tokens, width = shape
    return math.prod(shape) * bits // 8 + 4 * heads * (width + tokens)
