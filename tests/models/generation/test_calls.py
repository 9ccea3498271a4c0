"""Steps of several sessions that share their engine calls."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from models.engine import DimensionRange, EngineSpec, ExportableNetwork, TensorSpec, TorchEngine
from models.generation.calls import Calls, EngineCall, done, run_alone, run_together


class Sum(ExportableNetwork):
    """The sum of each row, which a padded row must not change."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = EngineSpec(
            name="sum",
            inputs=(
                TensorSpec("x", torch.float32, ("batch", 2, "count")),
                TensorSpec("counts", torch.float32, (1, "batch", "count")),
            ),
            outputs=(TensorSpec("y", torch.float32, (2, "batch")),),
            profiles=({"batch": DimensionRange(1, 1, 3), "count": DimensionRange(1, 4, 9)},),
        )
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        return (x * counts[0, :, None].exp()).sum(2).T


class CountingEngine(TorchEngine):
    def __init__(self) -> None:
        super().__init__(Sum())
        self.batches: list[int] = []

    def run(self, inputs: Mapping[str, Tensor], state: object = None) -> dict[str, Tensor]:
        self.batches.append(len(inputs["x"]))
        if inputs["x"].isnan().any():
            raise RuntimeError("not a number")
        return super().run(inputs)


def call(engine: CountingEngine, count: int, *, padded: bool = False) -> EngineCall:
    x = torch.arange(2.0 * count).view(1, 2, count)
    inputs = {"x": x, "counts": torch.zeros(1, 1, count)}
    return EngineCall(engine, inputs, {"count": {"counts": -torch.inf}} if padded else {})


def summing(engine: CountingEngine, *counts: int, padded: bool = False) -> Calls[list[float]]:
    out: list[float] = []
    for count in counts:
        made = yield call(engine, count, padded=padded)
        out += made["y"][:, 0].tolist()
    return out


def test_equal_calls_of_several_steps_are_one() -> None:
    engine = CountingEngine()
    alone = [run_alone(summing(engine, *counts)) for counts in ((2, 3), (2, 3, 3), (4,))]
    engine.batches.clear()
    together = run_together([summing(engine, *counts) for counts in ((2, 3), (2, 3, 3), (4,))])
    assert together == alone
    assert sorted(engine.batches) == [1, 1, 2, 2]


def test_a_padded_call_gives_what_it_gives_alone() -> None:
    engine = CountingEngine()
    counts = (1, 4, 2)
    alone = [run_alone(summing(engine, count)) for count in counts]
    engine.batches.clear()
    assert run_together([summing(engine, count, padded=True) for count in counts]) == alone
    assert engine.batches == [3]


def test_a_call_serves_no_more_sessions_than_its_engine_takes() -> None:
    engine = CountingEngine()
    run_together([summing(engine, 2) for _ in range(7)])
    assert sorted(engine.batches) == [1, 3, 3]


def test_calls_of_different_engines_stay_apart() -> None:
    one, two = CountingEngine(), CountingEngine()
    assert run_together([summing(one, 2), summing(two, 2)]) == [[1.0, 5.0]] * 2
    assert one.batches == two.batches == [1]


def test_a_step_may_need_no_call() -> None:
    assert run_together([done(3), done(4)]) == [3, 4]


def test_if_a_call_fails_all_steps_end() -> None:
    engine, ended = CountingEngine(), []

    def failing() -> Calls[None]:
        x = torch.full((1, 2, 3), torch.nan)
        yield EngineCall(engine, {"x": x, "counts": torch.zeros(1, 1, 3)})

    def noting() -> Calls[None]:
        try:
            while True:
                yield call(engine, 2)
        finally:
            ended.append(True)

    with pytest.raises(RuntimeError, match="not a number"):
        run_together([noting(), failing()])
    assert ended == [True]
