"""Runs two engines side by side over many steps, whose cache is written over again and again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor

from models.engine import Engine, EngineSpec, TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Inputs for each step of a network: numbers at random, every slot of a cache visible.

    `cursors` are the inputs that say where new keys and values go.
    """

    spec: EngineSpec
    cursors: frozenset[str]
    seed: int = 0

    @property
    def lengths(self) -> dict[str, int]:
        """The dimensions of all steps: the optimum of the first profile."""
        return {name: each.optimum for name, each in self.spec.ranges.items()}

    def inputs(self, step: int) -> dict[str, Tensor]:
        """Return the inputs of a step; the same numbers for the same seed and step."""
        generator = torch.Generator().manual_seed(self.seed + step)
        return {each.name: self._tensor(each, step, generator) for each in self.spec.inputs}

    def _tensor(self, each: TensorSpec, step: int, generator: torch.Generator) -> Tensor:
        size = each.size(self.lengths)
        if each.dtype.is_floating_point:
            return torch.randn(size, generator=generator).to(each.dtype)
        if each.dtype == torch.bool:
            return torch.ones(size, dtype=torch.bool)
        first = self._slot(step) if each.name in self.cursors else 0
        return torch.full(size, first, dtype=each.dtype)

    def _slot(self, step: int) -> int:
        """Return where a step writes: from the start again where the next would not fit."""
        count = max(self.lengths.values(), default=1)
        slots = min(each.size(self.lengths)[2] for each in self.spec.state)
        places = max(1, slots // count)
        return step % places * count


def rollout(spec: EngineSpec, file: Path, seed: int = 0) -> Rollout:
    """Return the steps of the network in the ONNX file `file`."""
    graph = onnx.load(file, load_external_data=False).graph
    cursors = {node.input[2] for node in graph.node if node.op_type == "TensorScatter"}
    return Rollout(
        spec=spec, cursors=frozenset(cursors & {each.name for each in spec.inputs}), seed=seed
    )


Measure = Callable[[Tensor, Tensor], float]  # of what an engine made, and what is wanted


def deviation(
    steps: Rollout,
    engine: Engine,
    reference: Engine,
    count: int,
    measure: Measure | None = None,
) -> float:
    """Return the largest difference over `count` steps, by default that of `largest_error`."""
    measure = measure or largest_error
    states = engine.new_state(**steps.lengths), reference.new_state(**steps.lengths)
    worst = 0.0
    for step in range(count):
        inputs = steps.inputs(step)
        made = engine.run(cast(inputs, engine.spec), states[0])
        wanted = reference.run(cast(inputs, reference.spec), states[1])
        worst = max(worst, *(measure(made[name], wanted[name]) for name in wanted))
    for name, buffer in states[1].buffers.items():
        worst = max(worst, measure(states[0].buffers[name].cpu(), buffer.cpu()))
    return worst


def cast(inputs: Mapping[str, Tensor], spec: EngineSpec) -> dict[str, Tensor]:
    """Return `inputs` in the types of `spec`: what goes between networks may have 16 bits."""
    return {each.name: inputs[each.name].to(each.dtype) for each in spec.inputs}


def largest_error(made: Tensor, wanted: Tensor) -> float:
    """Return the largest difference, as a share of the largest wanted number."""
    return _share(made, wanted, lambda numbers: numbers.abs().max())


def mean_error(made: Tensor, wanted: Tensor) -> float:
    """Return the root mean square of the differences, as a share of that of what is wanted.

    In many layers, rounding to 16 bits may turn the attention of a single token to another place.
    """
    return _share(made, wanted, lambda numbers: numbers.square().mean().sqrt())


def _share(made: Tensor, wanted: Tensor, size: Callable[[Tensor], Tensor]) -> float:
    if not wanted.numel():
        return 0.0
    made, wanted = made.double(), wanted.double()
    if not bool(torch.isfinite(made).all()):
        return float("inf")
    return float(size(made - wanted) / size(wanted).clamp_min(1e-6))
