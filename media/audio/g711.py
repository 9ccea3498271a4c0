"""G.711: telephone audio with one byte a sample, mu-law and A-law (ITU-T G.711, 1988).

Both laws are tables: decoding looks up one of 256 values, encoding the nearest of them.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["ulaw", "alaw"]


def decode(data: bytes, law: Law) -> NDArray[np.int16]:
    """Return the 16-bit samples (n,) of `data`, one for each byte."""
    return _values(law)[np.frombuffer(data, np.uint8)]


def encode(samples: NDArray[np.int16], law: Law) -> bytes:
    """Return one byte for each of the 16-bit `samples` (n,)."""
    return _codes(law)[samples.astype(np.int32) + 32768].tobytes()


@lru_cache(maxsize=2)
def _values(law: Law) -> NDArray[np.int16]:
    """Return the value of each byte: int16 (256,)."""
    byte = np.arange(256)
    bits = byte ^ (0xFF if law == "ulaw" else 0x55)  # as sent, some bits are inverted
    segment, step = (bits >> 4) & 7, bits & 15
    if law == "ulaw":
        magnitude = (((step << 3) + 132) << segment) - 132
        negative = bits & 0x80 != 0
    else:
        offset = np.where(segment == 0, 8, 264)
        magnitude = ((step << 4) + offset) << np.maximum(segment - 1, 0)
        negative = bits & 0x80 == 0
    return np.where(negative, -magnitude, magnitude).astype(np.int16)


@lru_cache(maxsize=2)
def _codes(law: Law) -> NDArray[np.uint8]:
    """Return the byte for each of the samples -32768 to 32767: uint8 (65536,)."""
    values = _values(law).astype(np.int32)
    order = np.argsort(values, kind="stable")
    if law == "ulaw":
        order = order[order != 0x7F]  # minus zero: 0xFF is the other one
    ranked = values[order]
    limits = (ranked[1:] + ranked[:-1]) / 2
    nearest = np.searchsorted(limits, np.arange(-32768, 32768), side="right")
    return order[nearest].astype(np.uint8)
