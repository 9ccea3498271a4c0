"""Repeats the last layer of an exported network: its layers are alike, and exporting each is slow.

A network of three layers is exported in place of one of thirty. The nodes of the third are those of
all that follow. Each reads one of five kinds of values, and those of the second layer tell which:

    own        made by the same layer
    before     made by the layer before
    weight     `network.layers.2.` and a name
    cache      an input that ends in `.2`
    shared     anything else: the same value in all layers

The rest of the graph reads what the last layer makes, or joins the values of all layers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from onnx_ir.tensor_adapters import TorchTensor
from torch import nn

from models.engine import NEXT, SHORT, ExportableNetwork
from models.errors import EngineError

SCOPES = "pkg.torch.onnx.name_scopes"  # where the exporter writes the modules of a node

Place = tuple[int, int]  # of a value in a layer: the number of its node, and of its output
Role = tuple[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """The nodes of a layer, and the place of each value that they make, by the value's id."""

    index: int
    nodes: list[ir.Node]
    places: Mapping[int, Place]

    def value(self, place: Place) -> ir.Value:
        node, output = place
        return self.nodes[node].outputs[output]

    def role(self, value: ir.Value | None, before: "_Layer | None") -> Role:
        """Return what a node of this layer reads as `value`."""
        if value is None:
            return "shared", None
        name, prefix = value.name or "", f"network.layers.{self.index}."
        if id(value) in self.places:
            return "own", self.places[id(value)]
        if before is not None and id(value) in before.places:
            return "before", before.places[id(value)]
        if name.startswith(prefix):
            return "weight", name.removeprefix(prefix)
        if value.is_graph_input() and name.endswith(f".{self.index}"):
            return "cache", name.removesuffix(f".{self.index}")
        return "shared", id(value)


def repeat_last_layer(model: Any, network: ExportableNetwork) -> None:
    """Turn `model`, exported from `network.shortened()`, into all of `network`.

    Raises:
        EngineError: its layers are not alike.
    """
    graph, spec = model.graph, network.spec
    second, third = (_find(graph, index, spec.name) for index in (SHORT - 2, SHORT - 1))
    _check_alike(second, third, spec.name)
    layers = [second, third]
    copying = _Copying(graph, list(network.get_submodule("layers").children()), second, third)
    for index in range(SHORT, len(copying.modules)):
        layers.append(copying.copy(layers[-1], index))
    _follow(graph, layers, spec.name)
    _sort(graph.inputs, [each.name for each in (*spec.inputs, *spec.state)])
    _sort(graph.outputs, spec.output_names)
    for value, wanted in zip(graph.outputs, spec.outputs, strict=False):  # joined of all layers
        pairs = zip(wanted.shape, value.shape, strict=True)
        value.shape = ir.Shape([own if isinstance(own, int) else old for own, old in pairs])


def _find(graph: Any, index: int, name: str) -> _Layer:
    """Return a layer: from the first node that the exporter says is of it to the last."""
    nodes, scope = list(graph), f"'network.layers.{index}'"
    own = [n for n, node in enumerate(nodes) if scope in node.metadata_props.get(SCOPES, "")]
    if not own:
        raise EngineError(f"{name}: its graph has no layer {index}")
    return _layer(index, nodes[own[0] : own[-1] + 1])


def _layer(index: int, nodes: list[ir.Node]) -> _Layer:
    places = {
        id(value): (n, output)
        for n, node in enumerate(nodes)
        for output, value in enumerate(node.outputs)
    }
    return _Layer(index, nodes, places)


def _check_alike(second: _Layer, third: _Layer, name: str) -> None:
    """Check that the two layers are the same nodes, which read values of the same kinds."""
    alike = [each.op_type for each in second.nodes] == [each.op_type for each in third.nodes]
    for one, two in zip(second.nodes, third.nodes, strict=False):
        for first, then in zip(one.inputs, two.inputs, strict=False):
            wanted, found = second.role(first, None), third.role(then, second)
            alike &= wanted == found or (wanted[0], found[0]) == ("shared", "before")
        alike &= len(one.inputs) == len(two.inputs)
    if not alike:
        raise EngineError(f"{name}: its layers are not alike, each must be exported")


@dataclass(frozen=True, slots=True, eq=False)
class _Copying:
    """Adds copies of the third layer to a graph."""

    graph: Any
    modules: list[nn.Module]
    second: _Layer
    third: _Layer

    def copy(self, before: _Layer, index: int) -> _Layer:
        """Add layer `index` after the layer `before`, and return it."""
        made: list[ir.Node] = []
        for node in self.third.nodes:
            inputs = [self._input(value, before, made, index) for value in node.inputs]
            outputs = [self._output(value, index) for value in node.outputs]
            made.append(
                ir.Node(
                    node.domain,
                    node.op_type,
                    inputs,
                    list(node.attributes.values()),
                    outputs=outputs,
                    name=f"{node.name}@{index}",
                )
            )
        self.graph.insert_after(before.nodes[-1], made)
        return _layer(index, made)

    def _input(
        self, value: ir.Value | None, before: _Layer, made: list[ir.Node], index: int
    ) -> ir.Value | None:
        kind, which = self.third.role(value, self.second)
        if value is None or kind == "shared":
            return value
        if kind == "own":
            node, output = which
            own: ir.Value = made[node].outputs[output]
            return own
        if kind == "before":
            return before.value(which)
        if kind == "weight":
            return self._weight(value, which, index)
        cache = ir.Value(name=f"{which}.{index}", shape=value.shape, type=value.type)
        self.graph.inputs.append(cache)
        return cache

    def _output(self, value: ir.Value, index: int) -> ir.Value:
        name, ending = f"{value.name}@{index}", f".{self.third.index}{NEXT}"
        updated = value.is_graph_output() and (value.name or "").endswith(ending)
        if updated:
            name = f"{(value.name or '').removesuffix(ending)}.{index}{NEXT}"
        made = ir.Value(name=name, shape=value.shape, type=value.type)
        if updated:
            self.graph.outputs.append(made)
        return made

    def _weight(self, like: ir.Value, name: str, index: int) -> ir.Value:
        """Return a weight of layer `index`, which has the shape and type of the third layer's."""
        full = f"network.layers.{index}.{name}"
        if full in self.graph.initializers:
            found: ir.Value = self.graph.initializers[full]
            return found
        layers = [self.modules[number].state_dict() for number in (self.third.index, index)]
        own, other = (each[name] for each in layers)
        if (own.shape, own.dtype) != (other.shape, other.dtype):
            raise EngineError(f"{full} is not like that of other layers")
        value = ir.Value(
            name=full,
            shape=like.shape,
            type=like.type,
            const_value=TorchTensor(other, name=full),
        )
        self.graph.register_initializer(value)
        return value


def _follow(graph: Any, layers: list[_Layer], name: str) -> None:
    """Let the rest of the graph read the last layer, or values of all layers, not of the third."""
    second, third, last = layers[0], layers[1], layers[-1]
    carried = {which for kind, which in _roles(third, second) if kind == "before"}
    inside = {id(node) for layer in layers for node in layer.nodes}
    for place in third.places.values():
        value = third.value(place)
        for user, at in [use for use in value.uses() if id(use[0]) not in inside]:
            if place in carried:
                user.replace_input_with(at, last.value(place))
            elif user.op_type == "Concat" and user.inputs[at - 1] is second.value(place):
                _extend(user, at, [each.value(place) for each in layers[2:]])
            else:
                raise EngineError(f"{name}: {user.op_type} reads one layer alone")
        if place in carried and value.is_graph_output():
            _swap(graph, value, last.value(place))


def _swap(graph: Any, value: ir.Value, later: ir.Value) -> None:
    """Let `later` be the output that `value` is."""
    names = later.name, value.name
    graph.outputs[graph.outputs.index(value)] = later
    value.name, later.name = names


def _roles(layer: _Layer, before: _Layer) -> Iterator[Role]:
    return (layer.role(value, before) for node in layer.nodes for value in node.inputs)


def _extend(node: ir.Node, at: int, values: list[ir.Value]) -> None:
    """Add inputs to `node`, after the last one."""
    assert at == len(node.inputs) - 1
    node.resize_inputs(at + 1 + len(values))
    for number, value in enumerate(values):
        node.replace_input_with(at + 1 + number, value)


def _sort(values: Any, names: list[str]) -> None:
    ordered = sorted(values, key=lambda value: names.index(value.name))
    values.clear()
    values.extend(ordered)
