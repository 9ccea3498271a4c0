"""Turns the constant matrices of an ONNX file into int8, for ONNX Runtime on a CPU.

Each column of a matrix has a scale. What it is multiplied with is quantized as it comes, in one
scale a tensor, and the products are added as integers. A table that rows are taken from has a
scale for each row. TensorRT does not read such files: it gets the file that they were made of.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

TOP = 127  # of a weight
MIN_TABLE = 1 << 20  # numbers in a table that is worth it

Floats = NDArray[np.float32]


def quantize(file: Path) -> None:
    """Replace the matrices of the network in `file` by int8 ones."""
    model = onnx.load(file)
    rewritten = _Graph(model.graph)
    nodes = [new for node in model.graph.node for new in rewritten.replaced(node)]
    read = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Transpose" or node.output[0] in read]
    used = {name for node in nodes for name in node.input}
    kept = [each for each in model.graph.initializer if each.name in used]
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*kept, *rewritten.added])
    onnx.save(model, file)
    file.with_name(f"{file.name}.data").unlink(missing_ok=True)  # weights of the large file before


class _Graph:
    """Replaces nodes one by one, in their order; `added` are the new constants."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.added: list[TensorProto] = []
        self._constants = {each.name: each for each in graph.initializer}
        self._transposed: dict[str, str] = {}
        self._quantized: set[str] = set()

    def replaced(self, node: NodeProto) -> Iterator[NodeProto]:
        """Yield the nodes that do the work of `node`."""
        if node.op_type == "Transpose" and node.input[0] in self._constants:
            self._transposed[node.output[0]] = node.input[0]  # part of the constant
        matrix = self._matrix(node.input[1]) if node.op_type == "MatMul" else None
        table = self._table(node) if node.op_type == "Gather" else None
        if matrix is not None:
            yield from self._product(node, matrix)
        elif table is not None:
            yield from self._rows(node, table)
        else:
            yield node

    def _matrix(self, name: str) -> Floats | None:
        """Return the constant matrix `name`, if it is one."""
        constant = self._constants.get(self._transposed.get(name, name))
        if constant is None or len(constant.dims) != 2:
            return None
        values: Floats = numpy_helper.to_array(constant)
        return values.T if name in self._transposed else values

    def _table(self, node: NodeProto) -> Floats | None:
        """Return the table that `node` takes rows from, if it is large."""
        constant = self._constants.get(node.input[0])
        by_row = all(each.name != "axis" or each.i == 0 for each in node.attribute)
        if constant is None or constant.data_type != TensorProto.FLOAT or not by_row:
            return None
        large = len(constant.dims) == 2 and np.prod(constant.dims) >= MIN_TABLE
        return numpy_helper.to_array(constant) if large else None

    def _product(self, node: NodeProto, matrix: Floats) -> Iterator[NodeProto]:
        """Yield x W as integers; x is quantized once, however many matrices it meets."""
        x, name = node.input[0], node.output[0]
        quantized = [f"{x}.rounded", f"{x}.step", f"{x}.zero"]
        if x not in self._quantized:
            self._quantized.add(x)
            yield helper.make_node("DynamicQuantizeLinear", [x], quantized)
        scale, values = _scaled(matrix, axis=0)
        self._add(f"{name}.weight", values)
        self._add(f"{name}.columns", scale[0])
        self._add(f"{name}.zeros", np.zeros(matrix.shape[1], np.int8))
        integers = [quantized[0], f"{name}.weight", quantized[2], f"{name}.zeros"]
        yield helper.make_node("MatMulInteger", integers, [f"{name}.sums"])
        yield helper.make_node("Cast", [f"{name}.sums"], [f"{name}.cast"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [quantized[1], f"{name}.columns"], [f"{name}.scales"])
        yield helper.make_node("Mul", [f"{name}.cast", f"{name}.scales"], [name])

    def _rows(self, node: NodeProto, table: Floats) -> Iterator[NodeProto]:
        """Yield the rows of a table with a scale for each row."""
        index, name = node.input[1], node.output[0]
        scale, values = _scaled(table, axis=1)
        self._add(f"{name}.table", values)
        self._add(f"{name}.scales", scale)
        yield helper.make_node("Gather", [f"{name}.table", index], [f"{name}.int8"])
        yield helper.make_node("Gather", [f"{name}.scales", index], [f"{name}.scale"])
        yield helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name])

    def _add(self, name: str, values: NDArray[np.generic]) -> None:
        self.added.append(numpy_helper.from_array(np.ascontiguousarray(values), name))


def _scaled(values: Floats, *, axis: int) -> tuple[Floats, NDArray[np.int8]]:
    """Return the scales along `axis`, which they keep, and `values` as int8."""
    largest = np.abs(values).max(axis=axis, keepdims=True)
    scale = np.where(largest > 0, largest / TOP, 1).astype(np.float32)
    return scale, np.rint(values / scale).astype(np.int8)
