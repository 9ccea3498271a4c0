"""Builds an ONNX network whose constants stay outside the file, so they are not copied."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, ValueInfoProto, helper

Array = NDArray[np.float32] | NDArray[np.uint8]

OPSET, MICROSOFT_OPSET, IR = 21, 1, 10


class OnnxGraph:
    """A network to which nodes are added; the caller names the values."""

    def __init__(self) -> None:
        self._graph = GraphProto(name="graph")
        self.constants: dict[str, Array] = {}

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str | Sequence[str],
        *,
        domain: str = "",
        **attributes: float,
    ) -> None:
        """Add an operator that computes `output` from `inputs`."""
        outputs = [output] if isinstance(output, str) else output
        node = helper.make_node(operator, inputs, outputs, domain=domain)
        node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())
        self._graph.node.append(node)

    def constant(self, name: str, value: Array) -> str:
        """Add a constant, and return its name; its value is passed to the session."""
        self.constants[name] = value
        tensor = self._graph.initializer.add(
            name=name,
            dims=value.shape,
            data_type=helper.np_dtype_to_tensor_dtype(value.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value="given")
        return name

    def input(self, name: str, width: int) -> str:
        """Declare a float32 input of (any, `width`), and return its name."""
        self._graph.input.append(_matrix(name, width))
        return name

    def output(self, name: str, width: int) -> str:
        """Declare a float32 output of (any, `width`), and return its name."""
        self._graph.output.append(_matrix(name, width))
        return name

    def model(self) -> bytes:
        """Return the file without the values of the constants."""
        opsets = [helper.make_opsetid("", OPSET)]
        opsets.append(helper.make_opsetid("com.microsoft", MICROSOFT_OPSET))
        model = helper.make_model(self._graph, opset_imports=opsets, ir_version=IR)
        content: bytes = model.SerializeToString()
        return content


def _matrix(name: str, width: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
