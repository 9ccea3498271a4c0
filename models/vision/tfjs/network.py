"""A graph model as a torch network, which runs as other networks do: in an engine."""

from collections.abc import Collection, Sequence

from torch import Tensor, nn

from models.errors import WeightsError
from models.vision.tfjs.graph_model import GraphModel, GraphNode
from models.vision.tfjs.operations import Operation, build_operation


class GraphNetwork(nn.Module):
    """Computes `outputs` of a graph from its `inputs`; both are names in the graph.

    Images are (batch, height, width, channels), as in TensorFlow. What the outputs do not need is
    left out: a name may be inside the graph, so what follows it can be done elsewhere.

    Raises:
        WeightsError: there is no such name, or an operation on the way has no counterpart.
    """

    def __init__(self, graph: GraphModel, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        steps: list[Operation] = []
        for node in _needed(graph, self.inputs, self.outputs):
            constants = {name: graph.weights[name] for name in node.inputs if name in graph.weights}
            steps.append(build_operation(node, constants))
        self.steps = nn.ModuleList(steps)
        self.eval().requires_grad_(False)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.inputs, inputs, strict=True))
        for step in self.steps:
            assert isinstance(step, Operation)
            made = step(*(values[name] for name in step.inputs))
            for index, output in enumerate(made if isinstance(made, tuple) else (made,)):
                values[step.name if index == 0 else f"{step.name}:{index}"] = output
        return tuple(values[name] for name in self.outputs)


def _needed(graph: GraphModel, inputs: Sequence[str], outputs: Sequence[str]) -> list[GraphNode]:
    """Return the nodes on the way from `inputs` to `outputs`, each after its own inputs."""
    known = {*inputs, *graph.weights}
    waiting: dict[str, GraphNode] = {}
    new = {_maker(name) for name in outputs}
    while new:
        if missing := sorted(new - graph.nodes.keys()):
            raise WeightsError(f"the graph has no {missing[0]!r}")
        waiting |= {name: graph.nodes[name] for name in new}
        needed = {name for maker in new for name in waiting[maker].inputs}
        new = {_maker(name) for name in needed - known} - waiting.keys()
    placed: dict[str, GraphNode] = {}
    while waiting:
        ready = [node for node in waiting.values() if _has_inputs(node, known, placed)]
        if not ready:
            raise WeightsError(f"the graph has a loop before {next(iter(waiting))!r}")
        placed |= {node.name: waiting.pop(node.name) for node in ready}
    return list(placed.values())


def _has_inputs(node: GraphNode, known: Collection[str], placed: Collection[str]) -> bool:
    return all(name in known or _maker(name) in placed for name in node.inputs)


def _maker(name: str) -> str:
    """Return the node that makes the output `name`: "split" for "split:1"."""
    return name.partition(":")[0]
