"""The operations of a graph model that have no weights, as functions of torch tensors.

Constants among a node's inputs are numbers here: a shape, an axis, a permutation.

Source: the operations of TensorFlow 2 of the same names.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.vision.tfjs.graph_model import GraphNode, Weight

Constants = Mapping[str, Weight]
Outputs = Tensor | tuple[Tensor, ...]
Padding = tuple[int, int, int, int]  # pixels on the left, right, top, bottom

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Elu": F.elu,
    "Relu": F.relu,
    "Relu6": F.relu6,
    "Sigmoid": torch.sigmoid,
}


def build_function(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    """Return the function of `node` of those of its inputs that are not among `constants`.

    Raises:
        KeyError: there is no counterpart of the operation, or a constant is missing.
        ValueError: there is no counterpart of an attribute.
    """
    if node.operation in ACTIVATIONS:
        return ACTIVATIONS[node.operation]
    return BUILDERS[node.operation](node, constants)


def _numbers(node: GraphNode, constants: Constants, place: int) -> list[int]:
    return [int(each) for each in constants[node.inputs[place]].reshape(-1)]


def _same(_node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    return lambda x: x


def _sum(_node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    return lambda *each: sum(each[1:], start=each[0])


def _concatenate(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    (axis,) = _numbers(node, constants, -1)
    return lambda *each: torch.cat(each, axis)


def _expand_dims(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    (axis,) = _numbers(node, constants, 1)
    return lambda x: x.unsqueeze(axis)


def _leaky_relu(node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    return partial(F.leaky_relu, negative_slope=number(node, "alpha"))


def _mean(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    axes, keep = _numbers(node, constants, 1), bool(node.attributes.get("keep_dims"))
    return lambda x: x.mean(axes, keepdim=keep)


def _pack(node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    axis = int(number(node, "axis"))
    return lambda *each: torch.stack(each, axis)


def _pad(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    fill = float(constants[node.inputs[2]]) if len(node.inputs) > 2 else 0.0
    pairs = constants[node.inputs[1]][::-1].reshape(-1).tolist()  # torch has the last axis first
    return lambda x: F.pad(x, pairs, value=fill)


def _reshape(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    shape = _numbers(node, constants, 1)
    return lambda x: x.reshape(shape)


def _softmax(_node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    return lambda x: x.softmax(-1)


def _split(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    sizes, (axis,) = _numbers(node, constants, 1), _numbers(node, constants, 2)
    return lambda x: x.split(sizes, axis)


def _squeeze(node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    axes = tuple(cast("list[int]", node.attributes["squeeze_dims"]))
    return lambda x: x.squeeze(axes)


def _transpose(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    order = _numbers(node, constants, 1)
    return lambda x: x.permute(order)


def _max_pool(node: GraphNode, _constants: Constants) -> Callable[..., Outputs]:
    size, stride = pair(node, "ksize"), pair(node, "strides")
    same = node.attributes["padding"] == "SAME"

    def pool(x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        if same:
            x = F.pad(x, same_padding(x, size, stride), value=-torch.inf)
        return F.max_pool2d(x, size, stride).permute(0, 2, 3, 1)

    return pool


def _resize(node: GraphNode, constants: Constants) -> Callable[..., Outputs]:
    height, width = _numbers(node, constants, 1)
    if node.attributes.get("align_corners"):
        raise ValueError("images are aligned by their corner pixels")
    legacy = not node.attributes.get("half_pixel_centers")

    def resize(x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        if legacy:
            x = _interpolate_from_corner(x, height // x.shape[2], width // x.shape[3])
        else:
            x = F.interpolate(x, (height, width), mode="bilinear")
        return x.permute(0, 2, 3, 1)

    return resize


def _interpolate_from_corner(x: Tensor, down: int, across: int) -> Tensor:
    """Return `x` enlarged by whole factors as TensorFlow 1 does: pixel 0 stays where it is."""
    height, width = x.shape[2] * down, x.shape[3] * across
    x = F.pad(x, (0, 1, 0, 1), mode="replicate")
    x = F.interpolate(x, (height + 1, width + 1), mode="bilinear", align_corners=True)
    return x[:, :, :height, :width]


BUILDERS: dict[str, Callable[[GraphNode, Constants], Callable[..., Outputs]]] = {
    "AddN": _sum,
    "Cast": _same,
    "ConcatV2": _concatenate,
    "ExpandDims": _expand_dims,
    "Identity": _same,
    "LeakyRelu": _leaky_relu,
    "MaxPool": _max_pool,
    "Mean": _mean,
    "Pack": _pack,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "Softmax": _softmax,
    "SplitV": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
}


def same_padding(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Padding:
    """Return TensorFlow's padding of `x`, (..., height, width): an odd pixel is at the end."""
    (top, bottom), (left, right) = (
        _ends(size, window, step)
        for size, window, step in zip(x.shape[-2:], kernel, stride, strict=True)
    )
    return left, right, top, bottom


def _ends(size: int, window: int, step: int) -> tuple[int, int]:
    total = max(0, (-(-size // step) - 1) * step + window - size)
    return total // 2, total - total // 2


def pair(node: GraphNode, name: str) -> tuple[int, int]:
    """Return the values of the attribute `name` for height and width; 1 by default."""
    _, height, width, _ = cast("list[int]", node.attributes.get(name) or [1, 1, 1, 1])
    return height, width


def number(node: GraphNode, name: str) -> float:
    """Return the value of the attribute `name`."""
    return float(cast("float", node.attributes[name]))
