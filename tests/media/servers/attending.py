"""A model that runs its network a few times in each step, as recognizers do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.engine import Engine, EngineState, TorchEngine
from models.errors import EngineError
from tests.trt_engines.tiny_network import SLOTS, WIDTH


@dataclass(frozen=True)
class Attended:
    caches: EngineState
    count: int


class BrokenEngine(TorchEngine):
    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        if float(inputs["x"].max()) > 1:
            raise EngineError("a number is too large")
        return super().run(inputs, state)


class AttendingModel:
    """Reads `chunk` numbers one after the other, each after all before it in its stream.

    The outputs are a number for each, which depends on all of them. The network of `BrokenEngine`
    fails at numbers above 1.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def init_state(self) -> Attended:
        return Attended(self._engine.new_state(batch=1), 0)

    def step(self, state: Attended, chunk: Sequence[float]) -> tuple[Attended, Sequence[float]]:
        outputs = []
        for place, number in enumerate(chunk, state.count):
            mask = torch.zeros(1, 1, 1, SLOTS, dtype=torch.bool)
            mask[..., : place + 1] = True
            x = torch.linspace(-1, 1, WIDTH)[None, None] * number
            given = {"x": x, "start": torch.tensor([place]), "mask": mask}
            outputs.append(float(self._engine.run(given, state.caches)["y"].sum()))
        return Attended(state.caches, state.count + len(chunk)), outputs
