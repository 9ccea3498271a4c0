"""Turns the constant matrices of an ONNX file into int8, for ONNX Runtime on a CPU.

Each column of a matrix has a scale. What it is multiplied with is quantized as it comes, in one
scale a tensor, and the products are added as integers. Two things keep that exact enough. Some
channels of a normalized tensor are far larger than the others: a part of their size moves to the
rows of the matrix. And what GELU returns has such channels too, but depends on the input: its
products stay float32. A table that rows are taken from has a scale for each row.

Weights are unsigned, around 128. For signed ones processors with AVX2 but without VNNI add two
products in 16 bits, which saturate: Whisper's encoder was off by a third. So all processors get the
same sums.

TensorRT does not read such files: it gets the file that they were made of.

Source: SmoothQuant, Xiao et al. 2023, with the sizes of channels from the norm's weights alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

TOP = 127  # of a weight
ZERO = 128  # the weight 0, as products take it
MIN_EXTERNAL = 1 << 10  # bytes of a constant outside the file
MIN_TABLE = 1 << 20  # numbers in a table that is worth it
MOVED = 0.7  # exponent of the size of channels that moves to the matrix
DEVIATIONS = 3.0  # that a normalized channel is assumed to reach

Floats = NDArray[np.float32]


def quantize(file: Path) -> None:
    """Replace the matrices of the network in `file` by int8 ones."""
    model = onnx.load(file)
    graph = _Graph(model.graph)
    graph.fold_transposed()
    graph.balance()
    nodes = list(graph.quantized())
    used = {name for node in nodes for name in node.input}
    constants = [
        numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in graph.constants.items()
        if name in used
    ]
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    weights = file.with_name(f"{file.name}.data")
    weights.unlink(missing_ok=True)
    onnx.save(
        model, file, save_as_external_data=True, location=weights.name, size_threshold=MIN_EXTERNAL
    )


class _Graph:
    """The nodes of a graph in their order, and its constants by name."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self._nodes = list(graph.node)
        self._outputs = {each.name for each in graph.output}

    def fold_transposed(self) -> None:
        """Replace transposed constants by constants."""
        for node in list(self._nodes):
            if node.op_type == "Transpose" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]].T
                self._nodes.remove(node)

    def balance(self) -> None:
        """Make the channels of normalized tensors more alike, and the matrices that read them less.

        The products stay the same.
        """
        readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self._nodes:
            for name in node.input:
                readers[name].append(node)
        for norm in self._nodes:
            own = readers[norm.output[0]]
            products = all(self._is_product(node) for node in own)
            shared = any(len(readers[name]) > 1 for name in norm.input[1:])
            if norm.op_type != "LayerNormalization" or len(norm.input) < 3 or shared:
                continue
            if own and products and norm.output[0] not in self._outputs:
                self._move(norm, own)

    def _move(self, norm: NodeProto, products: list[NodeProto]) -> None:
        gain, bias = (self.constants[name] for name in norm.input[1:])
        matrices = [self.constants[node.input[1]] for node in products]
        size = DEVIATIONS * np.abs(gain) + np.abs(bias)
        weight = np.max([np.abs(each).max(1) for each in matrices], 0)
        factor = np.maximum(size, 1e-6) ** MOVED / np.maximum(weight, 1e-6) ** (1 - MOVED)
        factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
        for name, value in zip(norm.input[1:], (gain, bias), strict=True):
            self.constants[name] = value / factor
        for name, matrix in {
            node.input[1]: each for node, each in zip(products, matrices, strict=True)
        }.items():
            self.constants[name] = matrix * factor[:, None]

    def quantized(self) -> Iterator[NodeProto]:
        """Yield the nodes, with int8 products and tables; their constants are added."""
        made_by = {name: node.op_type for node in self._nodes for name in node.output}
        rounded: set[str] = set()
        for node in self._nodes:
            if self._is_product(node) and made_by.get(node.input[0]) != "Gelu":
                if node.input[0] not in rounded:
                    rounded.add(node.input[0])
                    yield helper.make_node(
                        "DynamicQuantizeLinear", [node.input[0]], _rounded(node.input[0])
                    )
                yield from self._product(node)
            elif self._is_large_table(node):
                yield from self._rows(node)
            else:
                yield node

    def _is_product(self, node: NodeProto) -> bool:
        """Return whether `node` multiplies something with a constant matrix."""
        constant = self.constants.get(node.input[1]) if node.op_type == "MatMul" else None
        return constant is not None and constant.ndim == 2 and constant.dtype == np.float32

    def _is_large_table(self, node: NodeProto) -> bool:
        """Return whether `node` takes rows of a table that is worth it."""
        table = self.constants.get(node.input[0]) if node.op_type == "Gather" else None
        by_row = all(each.name != "axis" or each.i == 0 for each in node.attribute)
        large = table is not None and table.ndim == 2 and table.size >= MIN_TABLE
        return large and by_row and table is not None and table.dtype == np.float32

    def _product(self, node: NodeProto) -> Iterator[NodeProto]:
        (integers, step, zero), name = _rounded(node.input[0]), node.output[0]
        scale, values = _scaled(self.constants[node.input[1]], axis=0)
        self.constants[f"{name}.weight"] = (values.astype(np.int16) + ZERO).astype(np.uint8)
        self.constants[f"{name}.columns"] = scale[0]
        self.constants[f"{name}.zeros"] = np.full(scale.shape[1], ZERO, np.uint8)
        given = [integers, f"{name}.weight", zero, f"{name}.zeros"]
        yield helper.make_node("MatMulInteger", given, [f"{name}.sums"])
        yield helper.make_node("Cast", [f"{name}.sums"], [f"{name}.cast"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [step, f"{name}.columns"], [f"{name}.scales"])
        yield helper.make_node("Mul", [f"{name}.cast", f"{name}.scales"], [name])

    def _rows(self, node: NodeProto) -> Iterator[NodeProto]:
        index, name = node.input[1], node.output[0]
        scale, values = _scaled(self.constants[node.input[0]], axis=1)
        self.constants[f"{name}.table"] = values
        self.constants[f"{name}.scales"] = scale
        yield helper.make_node("Gather", [f"{name}.table", index], [f"{name}.int8"])
        yield helper.make_node("Gather", [f"{name}.scales", index], [f"{name}.scale"])
        yield helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name])


def _rounded(name: str) -> list[str]:
    """Return the names of a tensor's integers, their step and their zero."""
    return [f"{name}.rounded", f"{name}.step", f"{name}.zero"]


def _scaled(values: Floats, *, axis: int) -> tuple[Floats, NDArray[np.int8]]:
    """Return the scales along `axis`, which they keep, and `values` as int8."""
    largest = np.abs(values).max(axis=axis, keepdims=True)
    scale = np.where(largest > 0, largest / TOP, 1).astype(np.float32)
    return scale, np.rint(values / scale).astype(np.int8)
