from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from trt_engines import int8

ROWS, WIDTH = 40, 32
TOKENS = np.array([[3, 1, 4, 1, 5, 39]])
Floats = NDArray[np.float32]


def at_random(*shape: int, seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def write(file: Path) -> None:
    """Write a network of a table, two matrices, and the table again as a matrix."""
    constants = {
        "table": at_random(ROWS, WIDTH, seed=1),
        "first": at_random(WIDTH, 2 * WIDTH, seed=2),
        "second": at_random(2 * WIDTH, WIDTH, seed=3) * np.logspace(-3, 0, WIDTH, dtype="f4"),
        "bias": at_random(WIDTH, seed=4),
        "second row": np.array(1),  # a scalar takes a dimension away
    }
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["x"]),
        helper.make_node("MatMul", ["x", "first"], ["wide"]),
        helper.make_node("MatMul", ["wide", "second"], ["narrow"]),
        helper.make_node("Add", ["narrow", "bias"], ["hidden"]),
        helper.make_node("Gather", ["hidden", "second row"], ["row"], axis=1),
        helper.make_node("Transpose", ["table"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["hidden", "columns"], ["scores"]),
        helper.make_node("Transpose", ["hidden"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Transpose", ["scores"], ["output"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["hidden", "turned"], ["products"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "count"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (
                ("hidden", [1, None, None]),
                ("output", [1, None, None]),
                ("products", [1, None, None]),
                ("row", [1, WIDTH]),
            )
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)
    onnx.save(model, file)


def run(file: Path, **inputs: NDArray[np.generic]) -> list[Floats]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def test_products_are_nearly_those_of_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "MIN_TABLE", 1)
    file = tmp_path / "network.onnx"
    write(file)
    before, size = run(file, tokens=TOKENS), file.stat().st_size
    int8.quantize(file)
    assert file.stat().st_size < 0.5 * size
    kinds = [node.op_type for node in onnx.load(file).graph.node]
    assert kinds.count("MatMulInteger") == 3
    assert kinds.count("MatMul") == 1  # of two tensors that are no constants
    assert kinds.count("DynamicQuantizeLinear") == 3
    for exact, close in zip(before, run(file, tokens=TOKENS), strict=True):
        # Columns of the second matrix differ a thousandfold: each has its scale.
        assert exact.shape == close.shape
        rows = tuple(range(exact.ndim - 1))
        error = np.sqrt(((exact - close) ** 2).mean(axis=rows) / (exact**2).mean(axis=rows))
        assert 0 < np.median(error) < 0.1


def test_small_tables_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "network.onnx"
    write(file)
    int8.quantize(file)
    names = {each.name for each in onnx.load(file).graph.initializer}
    assert {"table", "bias"} <= names
    assert not {"first", "second"} & names


def write_normalized(file: Path) -> None:
    """Write a network of a norm with a few large channels, a matrix, GELU, and a matrix."""
    gain = at_random(WIDTH, seed=5)
    gain[:3] *= 50
    matrix = at_random(WIDTH, 2 * WIDTH, seed=2)
    constants: dict[str, Floats] = {
        "gain": gain,
        "shift": at_random(WIDTH, seed=6),
        "first": (matrix / np.maximum(1, np.abs(gain))[:, None]).astype(np.float32),
        "second": at_random(2 * WIDTH, WIDTH, seed=3),
    }
    nodes = [
        helper.make_node("LayerNormalization", ["x", "gain", "shift"], ["normed"], axis=-1),
        helper.make_node("MatMul", ["normed", "first"], ["wide"]),
        helper.make_node("Gelu", ["wide"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["y"]),
    ]
    given, found = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "count", WIDTH])]
        for name in ("x", "y")
    )
    made = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", given, found, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)
    onnx.save(model, file)


def test_large_channels_of_a_norm_do_not_spoil_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, errors, file = at_random(1, 50, WIDTH, seed=9), [], tmp_path / "network.onnx"
    for _ in range(2):
        write_normalized(file)
        before = run(file, x=x)[0]
        int8.quantize(file)
        errors.append(float(np.sqrt(((run(file, x=x)[0] - before) ** 2).mean() / before.var())))
        monkeypatch.setattr(int8._Graph, "balance", lambda _: None)
    kinds = [node.op_type for node in onnx.load(file).graph.node]
    assert kinds.count("MatMulInteger") == kinds.count("MatMul") == 1  # not what GELU returns
    assert errors[0] < 0.5 * errors[1]
