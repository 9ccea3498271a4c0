"""The operations of a graph model, each built once into a torch module.

Tensors have TensorFlow's order of dimensions: images are (batch, height, width, channels). A
convolution sees the same memory in torch's order, so nothing is copied.

Source: the operations of TensorFlow 2 of the same names.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError
from models.vision.tfjs.functions import (
    ACTIVATIONS,
    Constants,
    Outputs,
    build_function,
    number,
    pair,
    same_padding,
)
from models.vision.tfjs.graph_model import GraphNode

BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "AddV2": torch.add,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
    "Mul": torch.mul,
    "RealDiv": torch.div,
    "Sub": torch.sub,
}


class Operation(nn.Module):
    """A node that computes; `inputs` are the names of its inputs that are not constants."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__()
        self.name = node.name
        self.inputs = tuple(name for name in node.inputs if name not in constants)


class Function(Operation):
    """A node without weights: a function of its inputs. It is pickled as what it was made of."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__(node, constants)
        self._function = build_function(node, constants)
        self._made_of = node, constants

    def __reduce__(self) -> tuple[type["Function"], tuple[GraphNode, Constants]]:
        return Function, self._made_of

    def forward(self, *inputs: Tensor) -> Outputs:
        return self._function(*inputs)


class Binary(Operation):
    """A function of two tensors, of which one may be a constant."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__(node, constants)
        self._function = BINARY[node.operation]
        self._places = [name in constants for name in node.inputs]
        for name in filter(constants.__contains__, node.inputs):
            self.register_buffer("constant", torch.from_numpy(constants[name].copy()))

    def forward(self, *inputs: Tensor) -> Tensor:
        rest = iter(inputs)
        left, right = (
            self.get_buffer("constant") if given else next(rest) for given in self._places
        )
        return self._function(left, right)


class Convolution(Operation):
    """A convolution, depthwise or not, with the bias and activation that are fused with it."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__(node, constants)
        kernel = torch.from_numpy(constants[node.inputs[1]].copy())  # (height, width, in, out)
        depthwise = "Depthwise" in node.operation
        self._groups = kernel.shape[2] if depthwise else 1
        if depthwise:  # the channels out are those of each channel in, one after the other
            kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
        self.weight = nn.Parameter(kernel.permute(3, 2, 0, 1).contiguous())
        self._fused = _Fused(node, constants)
        self._stride = pair(node, "strides")
        self._dilation = pair(node, "dilations")
        self._padding = str(node.attributes["padding"])

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        if self._padding == "SAME":
            reach = (
                (size - 1) * step + 1
                for size, step in zip(self.weight.shape[2:], self._dilation, strict=True)
            )
            x = F.pad(x, same_padding(x, (next(reach), next(reach)), self._stride))
        x = F.conv2d(x, self.weight, None, self._stride, 0, self._dilation, self._groups)
        made: Tensor = self._fused(x.permute(0, 2, 3, 1))
        return made


class MatrixProduct(Operation):
    """A dense layer, with the bias and activation that are fused with it."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__(node, constants)
        kernel = torch.from_numpy(constants[node.inputs[1]].copy())
        self.weight = nn.Parameter(kernel.T if node.attributes.get("transpose_b") else kernel)
        self._fused = _Fused(node, constants)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self._fused(x @ self.weight)
        return made


class _Fused(nn.Module):
    """What grappler fused with a node: a bias, then an activation."""

    def __init__(self, node: GraphNode, constants: Constants) -> None:
        super().__init__()
        names = cast("list[str]", node.attributes.get("fused_ops", []))
        biased = "BiasAdd" in names
        self.bias = (
            nn.Parameter(torch.from_numpy(constants[node.inputs[2]].copy())) if biased else None
        )
        self._activations = [
            partial(F.leaky_relu, negative_slope=number(node, "leakyrelu_alpha"))
            if name == "LeakyRelu"
            else ACTIVATIONS[name]
            for name in names
            if name != "BiasAdd"
        ]

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is not None:
            x = x + self.bias
        for activation in self._activations:
            x = activation(x)
        return x


def build_operation(node: GraphNode, constants: Constants) -> Operation:
    """Return the module for `node`; `constants` are those of its inputs that are known.

    Raises:
        WeightsError: there is no counterpart of the operation, or of one of its attributes.
    """
    try:
        match node.operation:
            case "Conv2D" | "_FusedConv2D" | "DepthwiseConv2dNative" | "FusedDepthwiseConv2dNative":
                return Convolution(node, constants)
            case "MatMul" | "_FusedMatMul":
                return MatrixProduct(node, constants)
            case name if name in BINARY:
                return Binary(node, constants)
            case _:
                return Function(node, constants)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{node.operation} {node.name!r} is not supported ({error})") from error
