"""Steps of several sessions that share their engine calls.

A step is a generator: it yields each `EngineCall` that it needs, and gets its outputs. `run_alone`
runs one step. `run_together` runs those of several sessions side by side, and makes one call of all
that wait for the same engine with tensors of the same shapes.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.engine import DimensionRange, Engine, TensorSpec

R = TypeVar("R")

Tensors = Mapping[str, Tensor]
Calls = Generator["EngineCall", Tensors, R]  # a step whose result is an R

BATCH = "batch"  # the dimension of sessions in a spec
SESSIONS = DimensionRange(1, 1, 8)  # that one call serves


@dataclass(frozen=True, slots=True, eq=False)
class EngineCall:
    """A run of `engine`, which keeps no state.

    With others its inputs are padded along the dimensions in `padding`, by the value for each name.
    """

    engine: Engine
    inputs: Tensors
    padding: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        return self.dimensions[BATCH]

    @property
    def dimensions(self) -> dict[str, int]:
        return self.engine.spec.dimensions(self.inputs)

    def fits(self, other: "EngineCall") -> bool:
        """Return whether both can be one call."""
        if self.engine is not other.engine:
            return False
        free = {BATCH, *self.padding}
        mine, others = self.dimensions, other.dimensions
        return all(mine[name] == others[name] for name in mine if name not in free)


def done(result: R) -> Calls[R]:
    """Return a step that needs no call."""
    yield from ()
    return result


def run_alone(step: Calls[R]) -> R:
    """Return the result of one step."""
    return run_together([step])[0]


def run_together(steps: Sequence[Calls[R]]) -> list[R]:
    """Return the results of all `steps`; if one raises, so does this, and the others end."""
    results: dict[int, R] = {}
    waiting: dict[int, EngineCall] = {}

    def advance(number: int, outputs: Tensors | None) -> None:
        try:
            step = steps[number]
            waiting[number] = next(step) if outputs is None else step.send(outputs)
        except StopIteration as end:
            results[number] = end.value

    try:
        for number in range(len(steps)):
            advance(number, None)
        while waiting:
            for group in _groups(waiting):
                made = run_group([waiting.pop(number) for number in group])
                for number, outputs in zip(group, made, strict=True):
                    advance(number, outputs)
    finally:
        for step in steps:
            step.close()
    return [results[number] for number in range(len(steps))]


def _groups(waiting: Mapping[int, EngineCall]) -> list[list[int]]:
    """Return the numbers of calls that can be one call, within the engine's largest batch."""
    groups: list[list[int]] = []
    for number, call in waiting.items():
        limit = call.engine.spec.ranges[BATCH].maximum
        for group in groups:
            total = sum(waiting[other].batch for other in group) + call.batch
            if total <= limit and call.fits(waiting[group[0]]):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def run_group(calls: Sequence[EngineCall]) -> list[Tensors]:
    """Return the outputs of each of `calls`, made by one run of their engine."""
    first = calls[0]
    if len(calls) == 1:
        return [first.engine.run(first.inputs)]
    spec = first.engine.spec
    joined = {each.name: _joined(each, calls) for each in spec.inputs}
    made = first.engine.run(joined)
    sizes = [call.batch for call in calls]
    parts = {
        each.name: torch.split(made[each.name], sizes, each.shape.index(BATCH))
        for each in spec.outputs
    }
    return [{name: part[n] for name, part in parts.items()} for n in range(len(calls))]


def _joined(spec: TensorSpec, calls: Sequence[EngineCall]) -> Tensor:
    """Return the input `spec` of all `calls`, padded to the longest."""
    tensors = [call.inputs[spec.name] for call in calls]
    for name, values in calls[0].padding.items():
        if name in spec.shape:
            axis = spec.shape.index(name)
            longest = max(tensor.shape[axis] for tensor in tensors)
            fill = values.get(spec.name, 0.0)
            tensors = [_padded(tensor, axis, longest, fill) for tensor in tensors]
    return torch.cat(tensors, spec.shape.index(BATCH))


def _padded(tensor: Tensor, axis: int, length: int, fill: float) -> Tensor:
    missing = length - tensor.shape[axis]
    return F.pad(tensor, (*(0, 0) * (tensor.dim() - 1 - axis), 0, missing), value=fill)
