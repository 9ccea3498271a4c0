"""Reader of GGUF files: metadata, and tensors as stored or unpacked to float32.

It reads little-endian files of versions 2 and 3 with the tensor types of `UNPACK`. The `gguf`
package reads the same files, but takes 1.8 s of CPU for SmolLM2 instead of 0.1 s.

Source: the GGUF specification, and the block layouts of ggml (32 weights a block).
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError

Value = bool | int | float | str | list["Value"]
Bytes = NDArray[np.uint8]  # (blocks, bytes a block)
Floats = NDArray[np.float32]

BLOCK = 32  # weights in a block of the quantized types
SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
STRING, ARRAY = 8, 9


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A tensor as stored: the number of its type, its shape, its blocks of bytes."""

    kind: int
    shape: tuple[int, ...]
    raw: Bytes

    def floats(self) -> Floats:
        """Return the unpacked tensor, float32."""
        return UNPACK[self.kind][2](self.raw).reshape(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Gguf:
    """Metadata by key, and tensors by name, with shapes in the order of PyTorch."""

    metadata: Mapping[str, Value]
    stored: Mapping[str, Stored]

    @property
    def tensors(self) -> dict[str, Floats]:
        """All tensors, unpacked."""
        return {name: stored.floats() for name, stored in self.stored.items()}

    def number(self, key: str) -> float:
        """Return the number under `key`.

        Raises:
            WeightsError: there is none.
        """
        value = self.metadata.get(key)
        if not isinstance(value, int | float):
            raise WeightsError(f"the GGUF file has no number {key!r}")
        return value

    def strings(self, key: str) -> list[str]:
        """Return the list of strings under `key`.

        Raises:
            WeightsError: there is none.
        """
        value = self.metadata.get(key)
        if not isinstance(value, list):
            raise WeightsError(f"the GGUF file has no list {key!r}")
        return [str(item) for item in value]


def read(path: Path) -> Gguf:
    """Return the content of the file at `path`.

    Raises:
        WeightsError: it cannot be read, is not GGUF, is cut short, or has an unknown type.
    """
    try:
        content = path.read_bytes()
        return _parse(content)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from error
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path}: not a whole GGUF file ({error}); fetch it again") from error


class _Cursor:
    """A position in the file that advances as values are read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.content, self.at)
        self.at += struct.calcsize("<" + form)
        taken: int = value
        return taken

    def text(self) -> str:
        length = self.take("Q")
        raw = self.content[self.at : self.at + length]
        if len(raw) < length:
            raise ValueError("it ends within a string")
        self.at += length
        return raw.decode()

    def value(self, kind: int) -> Value:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(count)]
        if kind not in SCALARS:
            raise ValueError(f"unknown type of value {kind}")
        return self.take(SCALARS[kind])


def _parse(content: bytes) -> Gguf:
    cursor = _Cursor(content)
    if content[:4] != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    cursor.at = 4
    version = cursor.take("I")
    if version not in (2, 3):
        raise ValueError(f"version {version}; 2 and 3 are known")
    tensors, keys = cursor.take("Q"), cursor.take("Q")
    metadata: dict[str, Value] = {}
    for _ in range(keys):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.take("I"))
    found = [_place(cursor) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    assert isinstance(alignment, int)
    start = math.ceil(cursor.at / alignment) * alignment
    stored = {name: _stored(content, start + at, shape, kind) for name, shape, kind, at in found}
    return Gguf(metadata, stored)


def _place(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    """Return the name, shape with the fastest axis last, type and offset of the next tensor."""
    name = cursor.text()
    axes = [cursor.take("Q") for _ in range(cursor.take("I"))]
    return name, tuple(reversed(axes)), cursor.take("I"), cursor.take("Q")


def _stored(content: bytes, at: int, shape: tuple[int, ...], kind: int) -> Stored:
    if kind not in UNPACK:
        raise ValueError(f"unknown type of tensor {kind}; known are {', '.join(map(str, UNPACK))}")
    size, per_block, _ = UNPACK[kind]
    count = math.prod(shape)
    blocks = count // per_block
    if count % per_block or at + blocks * size > len(content):
        raise ValueError("it ends within a tensor")
    raw = np.frombuffer(content, np.uint8, blocks * size, at).reshape(blocks, size)
    return Stored(kind, shape, raw)


def half(raw: Bytes, at: int) -> Floats:
    """Return the float16 at byte `at` of each block, (blocks, 1)."""
    return np.ascontiguousarray(raw[:, at : at + 2]).view(np.float16).astype(np.float32)


def nibbles(raw: Bytes) -> Bytes:
    """Return (blocks, 32): low halves of 16 bytes, then high halves."""
    return np.concatenate([raw & 15, raw >> 4], 1)


def _nibbles(raw: Bytes) -> Floats:
    return nibbles(raw).astype(np.float32)


def _fifth(raw: Bytes) -> Floats:
    """Return the fifth bits, 4 bytes a block, as (blocks, 32) of 0 or 16."""
    return np.unpackbits(raw, axis=1, bitorder="little").astype(np.float32) * 16


def _f32(raw: Bytes) -> Floats:
    return np.ascontiguousarray(raw).view(np.float32).copy()


def _f16(raw: Bytes) -> Floats:
    return np.ascontiguousarray(raw).view(np.float16).astype(np.float32)


def _q4_0(raw: Bytes) -> Floats:
    return (_nibbles(raw[:, 2:]) - 8) * half(raw, 0)


def _q4_1(raw: Bytes) -> Floats:
    return _nibbles(raw[:, 4:]) * half(raw, 0) + half(raw, 2)


def _q5_0(raw: Bytes) -> Floats:
    return (_nibbles(raw[:, 6:]) + _fifth(raw[:, 2:6]) - 16) * half(raw, 0)


def _q5_1(raw: Bytes) -> Floats:
    return (_nibbles(raw[:, 8:]) + _fifth(raw[:, 4:8])) * half(raw, 0) + half(raw, 2)


def _q8_0(raw: Bytes) -> Floats:
    return np.ascontiguousarray(raw[:, 2:]).view(np.int8).astype(np.float32) * half(raw, 0)


# Type number in the file: bytes of a block, weights of a block, function that unpacks it.
UNPACK: dict[int, tuple[int, int, Callable[[Bytes], Floats]]] = {
    0: (4, 1, _f32),
    1: (2, 1, _f16),
    2: (18, BLOCK, _q4_0),
    3: (20, BLOCK, _q4_1),
    6: (22, BLOCK, _q5_0),
    7: (24, BLOCK, _q5_1),
    8: (34, BLOCK, _q8_0),
}
