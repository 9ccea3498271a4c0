"""Networks of graph models: the same numbers as in TensorFlow.js 4.22.0."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import WeightsError
from models.vision.tfjs.functions import ACTIVATIONS, BUILDERS
from models.vision.tfjs.graph_model import GraphModel, GraphNode, read_graph_model
from models.vision.tfjs.network import GraphNetwork
from models.vision.tfjs.operations import BINARY
from tests.models.vision.tfjs.test_graph_model import OPERATIONS


@pytest.fixture(scope="module")
def graph() -> GraphModel:
    return read_graph_model(OPERATIONS / "model.json")


@pytest.fixture(scope="module")
def expected() -> Mapping[str, NDArray[Any]]:
    return dict(np.load(OPERATIONS / "outputs.npz"))


def test_every_operation_gives_what_tensorflow_js_gives(
    graph: GraphModel, expected: Mapping[str, NDArray[Any]]
) -> None:
    names = [name for name in expected if name != "images"]
    network = GraphNetwork(graph, ["images"], names)
    made = network(torch.from_numpy(expected["images"]))
    for name, output in zip(names, made, strict=True):
        np.testing.assert_allclose(output, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_test_covers_every_operation(graph: GraphModel) -> None:
    used = {node.operation for node in graph.nodes.values()}
    tested_apart = {"Add", "Pack"}  # the same as AddV2; below
    assert {*ACTIVATIONS, *BUILDERS, *BINARY} - used == tested_apart


def test_pack_repeats_pixels_as_an_enlargement_needs_it() -> None:
    pack = BUILDERS["Pack"](
        GraphNode(name="p", operation="Pack", inputs=("x", "x"), attributes={"axis": 3}), {}
    )
    image = torch.arange(6.0).reshape(1, 1, 3, 2)
    packed = pack(image, image)
    assert isinstance(packed, torch.Tensor)
    assert packed.reshape(1, 1, 6, 2)[0, 0, :, 0].tolist() == [0, 0, 2, 2, 4, 4]


def test_a_network_is_pickled_for_the_process_that_exports_it(graph: GraphModel) -> None:
    network = GraphNetwork(graph, ["images"], ["deepfused"])
    images = torch.rand(1, 7, 6, 3)
    again = pickle.loads(pickle.dumps(network))
    torch.testing.assert_close(again(images), network(images))


def test_images_of_a_batch_do_not_touch_each_other(graph: GraphModel) -> None:
    network = GraphNetwork(graph, ["images"], ["deepfused"])
    images = torch.rand(3, 7, 6, 3)
    (together,) = network(images)
    alone = torch.cat([network(image[None])[0] for image in images])
    torch.testing.assert_close(together, alone)


def test_a_name_inside_the_graph_is_an_input_too(
    graph: GraphModel, expected: Mapping[str, NDArray[Any]]
) -> None:
    (sums,) = GraphNetwork(graph, ["images"], ["addn"])(torch.from_numpy(expected["images"]))
    network = GraphNetwork(graph, ["addn"], ["relu"])
    assert [step.name for step in network.steps] == ["relu"]
    np.testing.assert_allclose(network(sums)[0], expected["relu"], rtol=1e-4, atol=1e-5)


def test_an_unknown_name_is_refused(graph: GraphModel) -> None:
    with pytest.raises(WeightsError, match="the graph has no 'none'"):
        GraphNetwork(graph, ["images"], ["none"])


def test_an_operation_without_counterpart_is_named(graph: GraphModel) -> None:
    node = replace(graph.nodes["soft"], operation="NonMaxSuppressionV5")
    nodes = {**graph.nodes, "soft": node}
    with pytest.raises(WeightsError, match="NonMaxSuppressionV5 'soft' is not supported"):
        GraphNetwork(GraphModel(nodes=nodes, weights=graph.weights), ["images"], ["soft"])


def test_a_loop_is_refused() -> None:
    nodes = {
        name: GraphNode(name=name, operation="Relu", inputs=(other,), attributes={})
        for name, other in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(WeightsError, match="the graph has a loop before"):
        GraphNetwork(GraphModel(nodes=nodes, weights={}), ["images"], ["a"])
