"""Writes a network as the bytes of an ONNX file, without the onnx package.

It supports what `ort_decoder` needs: nodes, constants, and float32 inputs and outputs of two axes,
the first with any length. Constants are external data, so they are not copied.

Source: the protocol buffer messages of onnx.proto (ModelProto and those in it).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32] | NDArray[np.uint8]
Attribute = int | float

OPSET, OPSET_OF_MICROSOFT, IR = 21, 1, 10
KINDS = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2}  # TensorProto.DataType
OUTSIDE = 1  # TensorProto.DataLocation
FLOAT, INT = 1, 2  # AttributeProto.AttributeType


class OnnxGraph:
    """A network to which nodes are added; the caller names the values."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.constants: dict[str, Array] = {}

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str | Sequence[str],
        *,
        domain: str = "",
        **attributes: Attribute,
    ) -> None:
        """Add an operator that computes `output` from `inputs`."""
        outputs = [output] if isinstance(output, str) else output
        fields = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
        fields += [_text(4, operator), _text(7, domain)]
        fields += [_message(5, _attribute(*item)) for item in attributes.items()]
        self._parts.append(_message(1, b"".join(fields)))

    def constant(self, name: str, value: Array) -> str:
        """Add a constant, and return its name; its value is passed to the session."""
        self.constants[name] = value
        dims = b"".join(_number(1, size) for size in value.shape)
        place = (("location", "given"), ("offset", "0"), ("length", str(value.nbytes)))
        fields = [dims, _number(2, KINDS[value.dtype]), _text(8, name)]
        fields += [_message(13, _text(1, key) + _text(2, value)) for key, value in place]
        fields.append(_number(14, OUTSIDE))
        self._parts.append(_message(5, b"".join(fields)))
        return name

    def input(self, name: str, width: int) -> str:
        """Declare a float32 input of (any, `width`), and return its name."""
        self._parts.append(_message(11, _value(name, width)))
        return name

    def output(self, name: str, width: int) -> str:
        """Declare a float32 output of (any, `width`), and return its name."""
        self._parts.append(_message(12, _value(name, width)))
        return name

    def model(self) -> bytes:
        """Return the file without the values of the constants."""
        opsets = (("", OPSET), ("com.microsoft", OPSET_OF_MICROSOFT))
        known = [_message(8, _text(1, domain) + _number(2, at)) for domain, at in opsets]
        graph = _message(7, _text(2, "graph") + b"".join(self._parts))
        return b"".join([_number(1, IR), *known, graph])


def _value(name: str, width: int) -> bytes:
    rows, columns = _message(1, _text(2, "rows")), _message(1, _number(1, width))
    kind = _number(1, KINDS[np.dtype(np.float32)]) + _message(2, rows + columns)
    return _text(1, name) + _message(2, _message(1, kind))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, INT)
    packed = np.float32(value).tobytes()
    return _text(1, name) + _varint(2 << 3 | 5) + packed + _number(20, FLOAT)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
