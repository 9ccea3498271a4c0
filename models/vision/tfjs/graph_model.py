"""Reads a graph model of TensorFlow.js: the nodes, and the weights as numpy arrays.

A `model.json` has the graph in protobuf's JSON form and a manifest of the weights, whose bytes are
in files beside it: one after the other, in the manifest's order.

Source: the tfjs-converter's formats graph-model and weightsManifest.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError

Weight = NDArray[np.generic]
Attribute = bool | int | float | str | list[int] | list[float] | list[str] | None

TYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "uint8": "u1"}
QUANTIZED = {"float16": "<f2", "uint16": "<u2", "uint8": "u1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """An operation of TensorFlow; an input is the name of a node, with ":1" for its second output.

    Attributes that are types or shapes are left out.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphModel:
    """`nodes` by name, without constants, and `weights` by name of the constant."""

    nodes: Mapping[str, GraphNode]
    weights: Mapping[str, Weight]


def read_graph_model(path: Path) -> GraphModel:
    """Return the graph model whose `model.json` is at `path`.

    Weights that are stored in fewer bits have the type that they had before.

    Raises:
        WeightsError: a file is missing, cut short or damaged, or is not of a graph model.
    """
    try:
        model = json.loads(path.read_bytes())
        if model.get("format") != "graph-model":
            raise ValueError(f"its format is {model.get('format')!r}")
        weights: dict[str, Weight] = {}
        for group in model["weightsManifest"]:
            content = b"".join((path.parent / shard).read_bytes() for shard in group["paths"])
            weights |= _weights(group["weights"], content)
        nodes = [_node(each) for each in model["modelTopology"]["node"] if each["op"] != "Const"]
        return GraphModel(nodes={node.name: node for node in nodes}, weights=weights)
    except OSError as error:
        raise WeightsError(f"{error.filename}: cannot be read ({error})") from error
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise WeightsError(f"{path}: not a whole graph model of TensorFlow.js ({error})") from error


def _weights(entries: Sequence[Mapping[str, Any]], content: bytes) -> dict[str, Weight]:
    """Return the arrays whose bytes follow each other in `content`."""
    found: dict[str, Weight] = {}
    start = 0
    for entry in entries:
        quantization = entry.get("quantization")
        stored = np.dtype(
            QUANTIZED[quantization["dtype"]] if quantization else TYPES[entry["dtype"]]
        )
        count = math.prod(entry["shape"])
        values = np.frombuffer(content, stored, count, start).reshape(entry["shape"])
        found[entry["name"]] = _restored(values, quantization, np.dtype(TYPES[entry["dtype"]]))
        start += count * stored.itemsize
    if start != len(content):
        raise ValueError(f"the weights have {len(content)} bytes, expected {start}")
    return found


def _restored(
    values: Weight, quantization: Mapping[str, Any] | None, dtype: np.dtype[Any]
) -> Weight:
    """Return `values` as they were before they were quantized linearly, or cut to float16."""
    if quantization and "scale" in quantization:
        real = values.astype(np.float64) * quantization["scale"] + quantization["min"]
        values = real if dtype.kind == "f" else real.round()
    whole: Weight = values.astype(dtype)
    return whole


def _node(node: Mapping[str, Any]) -> GraphNode:
    attributes = {name: _attribute(value) for name, value in node.get("attr", {}).items()}
    return GraphNode(
        name=node["name"],
        operation=node["op"],
        inputs=tuple(name.removesuffix(":0") for name in node.get("input", ())),
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def _attribute(value: Mapping[str, Any]) -> Attribute:
    """Return the value of an attribute in protobuf's JSON form; None for types and shapes."""
    for kind, content in value.items():
        match kind:
            case "s":
                return _text(content)
            case "i":
                return int(content)
            case "f":
                return float(content)
            case "b":
                return bool(content)
            case "list":
                return _list(content)
            case _:
                pass
    return None


def _list(content: Mapping[str, Any]) -> Attribute:
    if "i" in content:
        return [int(each) for each in content["i"]]
    if "f" in content:
        return [float(each) for each in content["f"]]
    return [_text(each) for each in content.get("s", ())]


def _text(content: str) -> str:
    return base64.b64decode(content).decode("utf-8")
