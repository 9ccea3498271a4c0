"""Files written here are read by ONNX Runtime, and do what their nodes say."""

from typing import Any

import numpy as np
import onnxruntime
from hypothesis import given, settings
from hypothesis import strategies as st

from models.language.quantized.onnx_graph import OnnxGraph


def session(graph: OnnxGraph) -> Any:  # onnxruntime has no annotations
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    given = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in graph.constants.values()]
    options.add_external_initializers(list(graph.constants), given)
    return onnxruntime.InferenceSession(graph.model(), options, providers=["CPUExecutionProvider"])


@settings(max_examples=20)
@given(rows=st.integers(1, 300), width=st.integers(1, 200), out=st.integers(1, 300))
def test_a_product_and_a_slope_are_those_of_numpy(rows: int, width: int, out: int) -> None:
    rng = np.random.default_rng(rows)
    weight = rng.standard_normal((width, out)).astype(np.float32)
    x = rng.standard_normal((rows, width)).astype(np.float32)
    graph = OnnxGraph()
    graph.input("x", width)
    graph.node("MatMul", ["x", graph.constant("weight", weight)], "product")
    graph.node("LeakyRelu", ["product"], graph.output("y", out), alpha=0.25)
    (got,) = session(graph).run(None, {"x": x})
    product = x.astype(np.float64) @ weight
    expected = np.where(product < 0, 0.25 * product, product)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)  # float32 over the width


def test_a_node_may_have_several_outputs_and_negative_numbers() -> None:
    graph = OnnxGraph()
    graph.input("x", 6)
    graph.node("Split", ["x"], ["left", "right"], axis=-1, num_outputs=2)
    graph.node("Sub", ["right", "left"], graph.output("y", 3))
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    (got,) = session(graph).run(None, {"x": x})
    np.testing.assert_array_equal(got, np.full((2, 3), 3, np.float32))


def test_values_of_constants_are_not_in_the_file() -> None:
    graph = OnnxGraph()
    graph.input("x", 64)
    large = graph.constant("large", np.zeros((64, 10_000), np.float32))
    graph.node("MatMul", ["x", large], graph.output("y", 10_000))
    assert len(graph.model()) < 400
