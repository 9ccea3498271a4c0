"""Read Whisper from a CTranslate2 folder: model.bin, version 6, in floating point."""

import json
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.whisper import WhisperConfig
from models.errors import WeightsError

VERSION = 6
DTYPES = {0: torch.float32, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.float16}

# Fused projections: the linear layers that share the rows of one variable.
SELF = {"linear_0": ("query", "key", "value"), "linear_1": ("out",)}
CROSS = {"linear_0": ("query",), "linear_1": ("key", "value"), "linear_2": ("out",)}
NAMES = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
OUTSIDE_LAYERS = {
    "layer_norm": "norm",
    "position_encodings/encodings": "positions",
    "embeddings": "embedding",
    "conv1": "conv1",
    "conv2": "conv2",
}


@dataclass(slots=True)
class Cursor:
    """A position in the file; every read advances it."""

    data: mmap.mmap
    offset: int = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.offset)
        self.offset += struct.calcsize("<" + form)
        return int(value)

    def text(self) -> str:
        raw = self.bytes(self.number("H"))
        return raw.rstrip(b"\0").decode()

    def bytes(self, count: int) -> bytes:
        start = self.skip(count)
        return self.data[start : start + count]

    def skip(self, count: int) -> int:
        """Pass `count` bytes; return where they begin."""
        start, self.offset = self.offset, self.offset + count
        if self.offset > len(self.data):
            raise EOFError
        return start


@dataclass(frozen=True, slots=True)
class Variable:
    """A tensor in the file; its values are read by `values`."""

    data: mmap.mmap
    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int
    length: int

    def values(self) -> Tensor:
        raw = bytearray(self.data[self.start : self.start + self.length])
        return torch.frombuffer(raw, dtype=self.dtype).reshape(self.shape)


def read(folder: Path) -> WhisperCheckpoint:
    """Return the checkpoint in `folder`; its weights are read as float32.

    Raises:
        WeightsError: a file is missing, cut short, of another version, or quantized.
    """
    file = folder / "model.bin"
    with _variables(file) as variables:
        for name, variable in _weights(variables).items():
            if not variable.dtype.is_floating_point:
                raise ValueError(
                    f"{name} is quantized to {variable.dtype}; use a float16 or float32 model"
                )
        return WhisperCheckpoint(
            config=_config(variables),
            read_state=partial(_read_state, file),
            files=(file,),
            alignment_heads=_alignment_heads(folder / "config.json"),
            tokenizer=folder / "tokenizer.json",
        )


@contextmanager
def _variables(file: Path) -> Iterator[dict[str, Variable]]:
    """Open `file` and give its variables by name.

    Raises:
        WeightsError: it cannot be read, or the block finds an error in it.
    """
    try:
        with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as m:
            yield dict(_entries(Cursor(m)))
    except (OSError, EOFError, struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: not a whole CTranslate2 Whisper model ({error!r}); fetch it again"
        ) from error


def _entries(cursor: Cursor) -> Iterator[tuple[str, Variable]]:
    version, spec = cursor.number("I"), cursor.text()
    if version != VERSION or spec != "WhisperSpec":
        raise ValueError(f"expected WhisperSpec in version {VERSION}, got {spec} in {version}")
    cursor.number("I")  # revision of the spec
    for _ in range(cursor.number("I")):
        name, rank = cursor.text(), cursor.number("B")
        shape = tuple(cursor.number("I") for _ in range(rank))
        dtype, size = DTYPES[cursor.number("B")], cursor.number("I")
        yield name, Variable(cursor.data, shape, dtype, cursor.skip(size), size)


def _config(variables: dict[str, Variable]) -> WhisperConfig:
    width, mels, _ = variables["encoder/conv1/weight"].shape
    vocabulary, text_width = variables["decoder/embeddings/weight"].shape
    return WhisperConfig(
        mels=mels,
        audio_context=variables["encoder/position_encodings/encodings"].shape[0],
        audio_width=width,
        audio_heads=int(variables["encoder/num_heads"].values()),
        audio_layers=_layers("encoder", variables),
        text_context=variables["decoder/position_encodings/encodings"].shape[0],
        text_width=text_width,
        text_heads=int(variables["decoder/num_heads"].values()),
        text_layers=_layers("decoder", variables),
        vocabulary=vocabulary,
    )


def _layers(side: str, variables: dict[str, Variable]) -> int:
    return len(
        {name.split("/")[1] for name in variables if name.startswith(f"{side}/layer_")}
        - {"layer_norm"}
    )


def _weights(variables: dict[str, Variable]) -> dict[str, Variable]:
    """Return the variables that are no options of the runtime."""
    return {name: each for name, each in variables.items() if each.shape}


def _read_state(file: Path) -> dict[str, Tensor]:
    """Return the weights in `file`.

    Raises:
        WeightsError: it cannot be read.
    """
    state: dict[str, Tensor] = {}
    with _variables(file) as variables:
        for name, variable in _weights(variables).items():
            state |= _renamed(name, variable.values().float())
    return state


def _renamed(name: str, value: Tensor) -> dict[str, Tensor]:
    """Return a variable under our names; fused projections are split."""
    side, *rest = name.split("/")
    if not rest[0].startswith("layer_") or rest[0] == "layer_norm":
        if rest[0] == "position_encodings":
            return {f"{side}.positions": value}
        return {f"{side}.{OUTSIDE_LAYERS[rest[0]]}.{NAMES[rest[1]]}": value}
    _, block, part, leaf = side, *rest[1:]
    layer = f"{side}.layers.{rest[0].removeprefix('layer_')}"
    if block == "ffn":
        if part == "layer_norm":
            return {f"{layer}.feed_forward_norm.{NAMES[leaf]}": value}
        return {f"{layer}.feed_forward.{2 * int(part[-1])}.{leaf}": value}
    attention = f"{layer}.{'cross' if block == 'attention' else 'self'}_attention"
    if part == "layer_norm":
        return {f"{attention}_norm.{NAMES[leaf]}": value}
    parts = (CROSS if block == "attention" else SELF)[part]
    pieces = zip(parts, value.chunk(len(parts)), strict=True)
    # Whisper's keys have no bias; here it is stored as zeros.
    return {f"{attention}.{p}.{leaf}": v for p, v in pieces if (p, leaf) != ("key", "bias")}


def _alignment_heads(file: Path) -> AlignmentHeads | None:
    if not file.is_file():
        return None
    heads = json.loads(file.read_text()).get("alignment_heads")
    return tuple((layer, head) for layer, head in heads) if heads else None
