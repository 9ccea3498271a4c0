"""Constants of a frozen TensorFlow graph: the weights, without TensorFlow.

Source: the protocol buffer messages GraphDef, NodeDef, AttrValue and TensorProto of TensorFlow.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError

Field = tuple[int, int | memoryview]  # number, and a number or the bytes of it
FLOAT = 1  # type of a tensor


def constants(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 constants of the graph at `path` by the names of their nodes.

    Raises:
        WeightsError: the file cannot be read, or is not a graph.
    """
    try:
        content = memoryview(path.read_bytes())
        nodes = [value for number, value in _fields(content) if number == 1]
        found = dict(_constant(_bytes(node)) for node in nodes)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from error
    except (IndexError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole TensorFlow graph ({error})") from error
    return {name: value for name, value in found.items() if value is not None}


def _constant(node: memoryview) -> tuple[str, NDArray[np.float32] | None]:
    """Return name and value of `node`; no value if it is not a float32 constant."""
    name = kind = ""
    attributes: dict[str, memoryview] = {}
    for number, value in _fields(node):
        if number == 1:
            name = bytes(_bytes(value)).decode()
        elif number == 2:
            kind = bytes(_bytes(value)).decode()
        elif number == 5:
            entry = dict(_fields(_bytes(value)))
            attributes[bytes(_bytes(entry[1])).decode()] = _bytes(entry[2])
    if kind != "Const":
        return name, None
    return name, _tensor(_bytes(dict(_fields(attributes["value"]))[8]))


def _tensor(message: memoryview) -> NDArray[np.float32] | None:
    shape: list[int] = []
    values = np.zeros(0, np.float32)
    kind = 0
    for number, value in _fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2:
            axes = [dict(_fields(_bytes(axis))) for n, axis in _fields(_bytes(value)) if n == 2]
            shape = [size for axis in axes if isinstance(size := axis.get(1, 0), int)]
        elif number in (4, 5) and kind == FLOAT:  # packed content, or a list of numbers
            values = np.frombuffer(bytes(_bytes(value)), "<f4").astype(np.float32)
    if kind != FLOAT or values.size == 0:
        return None
    if values.size == 1:
        return np.full(shape, values[0], np.float32)
    if values.size != math.prod(shape):
        raise ValueError(f"{values.size} values for a tensor of {shape}")
    return values.reshape(shape)


def _fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a protocol buffer message."""
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        match key & 7:
            case 0:
                value, at = _number(message, at)
                yield key >> 3, value
            case 2:
                size, at = _number(message, at)
                if at + size > len(message):
                    raise ValueError("it ends within a field")
                yield key >> 3, message[at : at + size]
                at += size
            case 1 | 5 as kind:
                size = 8 if kind == 1 else 4
                yield key >> 3, message[at : at + size]
                at += size
            case kind:
                raise ValueError(f"unknown kind of field {kind}")


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number of variable length at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")  # noqa: TRY004  (bad content)
    return value
