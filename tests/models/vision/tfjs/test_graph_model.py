"""Graph models: the files here were run in TensorFlow.js 4.22.0, which made `outputs.npz`."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import WeightsError
from models.vision.tfjs.graph_model import read_graph_model

OPERATIONS = Path(__file__).parent / "operations"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(OPERATIONS, tmp_path / "model")


def write(folder: Path, weights: list[dict[str, Any]], content: bytes) -> Path:
    model = {
        "format": "graph-model",
        "modelTopology": {"node": []},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": weights}],
    }
    (folder / "a.bin").write_bytes(content[:3])
    (folder / "b.bin").write_bytes(content[3:])
    (folder / "model.json").write_text(json.dumps(model))
    return folder / "model.json"


def test_weights_of_every_type_are_read_across_files(tmp_path: Path) -> None:
    halves = np.array([0.5, -2.0], "<f2")
    content = b"".join(
        [
            halves.tobytes(),
            bytes([0, 100, 255]),
            np.array([0, 10], "<u2").tobytes(),
            np.array([7, -7], "<i4").tobytes(),
            bytes([1, 0]),
        ]
    )
    entries: list[dict[str, Any]] = [
        {"name": "half", "shape": [1, 2], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {
            "name": "byte",
            "shape": [3],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.5, "min": -10.0},
        },
        {
            "name": "rounded",
            "shape": [2],
            "dtype": "int32",
            "quantization": {"dtype": "uint16", "scale": 0.26, "min": 1.0},
        },
        {"name": "whole", "shape": [2], "dtype": "int32"},
        {"name": "truth", "shape": [2], "dtype": "bool"},
    ]
    weights = read_graph_model(write(tmp_path, entries, content)).weights
    assert {name: value.dtype.name for name, value in weights.items()} == {
        "half": "float32",
        "byte": "float32",
        "rounded": "int32",
        "whole": "int32",
        "truth": "bool",
    }
    assert weights["half"].tolist() == [[0.5, -2.0]]
    assert weights["byte"].tolist() == [-10.0, 40.0, 117.5]
    assert weights["rounded"].tolist() == [1, 4]
    assert weights["whole"].tolist() == [7, -7]
    assert weights["truth"].tolist() == [True, False]


def test_nodes_have_their_inputs_and_attributes_without_types(folder: Path) -> None:
    graph = read_graph_model(folder / "model.json")
    node = graph.nodes["fused"]
    assert node.operation == "_FusedConv2D"
    assert node.inputs == ("conv", "fused_w", "fused_b")
    assert node.attributes == {
        "strides": [1, 1, 1, 1],
        "padding": "SAME",
        "dilations": [1, 1, 1, 1],
        "fused_ops": ["BiasAdd", "Relu6"],
        "num_args": 1,
    }
    assert graph.nodes["pad"].inputs == ("split:1", "pads")
    assert graph.nodes["leaky"].attributes["leakyrelu_alpha"] == 0.2
    assert graph.nodes["mean"].attributes["keep_dims"] is False
    assert "conv_w" not in graph.nodes


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"])
def test_weights_of_another_length_are_refused(change: Any, folder: Path) -> None:
    shard = folder / "weights.bin"
    shard.write_bytes(change(shard.read_bytes()))
    with pytest.raises(WeightsError, match=r"model\.json: not a whole graph model"):
        read_graph_model(folder / "model.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "layers-model"}', "{}"])
def test_another_file_is_refused(text: str, folder: Path) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(WeightsError, match=r"model\.json: not a whole graph model"):
        read_graph_model(folder / "model.json")


@pytest.mark.parametrize("name", ["model.json", "weights.bin"])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name}: cannot be read"):
        read_graph_model(folder / "model.json")
