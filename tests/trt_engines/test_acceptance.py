"""The acceptance of this machine with a tiny network; the reference must notice a wrong engine."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.engine import EngineState, NetworkSource, TorchEngine
from tests.trt_engines.tiny_network import SLOTS, TinyAttention
from trt_engines.acceptance.checks import Case, accept
from trt_engines.acceptance.rollout import Rollout, deviation
from trt_engines.choice import choose
from trt_engines.store.maker import Maker

pytestmark = pytest.mark.slow
STEPS = Rollout(spec=TinyAttention().spec, cursors=frozenset({"start"}))


def test_a_machine_with_onnx_runtime_is_accepted(maker: Maker, tmp_path: Path) -> None:
    case = Case(
        source=NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention),
        choice=choose("onnxruntime", "cpu"),
        maker=maker,
        home=tmp_path,
        report=lambda *_: None,
        soak=0.1,
    )
    outcomes = {each.check: each for each in accept(case)}
    assert {each.verdict for each in outcomes.values()} == {"PASS", "SKIP"}, outcomes
    assert [check for check, each in outcomes.items() if each.verdict == "SKIP"] == ["CUDA graph"]
    assert outcomes["parity"].figures["deviation"] < 1e-4
    assert outcomes["latency"].figures["p99_ms"] >= outcomes["latency"].figures["p50_ms"] > 0
    assert {"cold build", "warm reload", "tables", "soak", "flipped byte", "truncation"} < {
        *outcomes
    }
    assert outcomes["two builders"].found == "made 1 times"


def test_the_steps_write_every_slot_of_the_cache_again() -> None:
    firsts = [int(STEPS.inputs(step)["start"][0]) for step in range(20)]
    assert firsts[:8] == list(range(0, SLOTS, 4))
    assert firsts[8:16] == firsts[:8]
    assert torch.equal(STEPS.inputs(3)["x"], STEPS.inputs(3)["x"])
    assert not torch.equal(STEPS.inputs(3)["x"], STEPS.inputs(4)["x"])


class Forgetful(TorchEngine):
    """Does not keep what it writes into its cache, from a step on."""

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        return super().run(inputs, state.copy() if state is not None else None)


def test_an_engine_that_differs_is_noticed() -> None:
    network = TinyAttention()
    reference = TorchEngine(network)
    assert deviation(STEPS, TorchEngine(network), reference, 10) == 0
    assert deviation(STEPS, TorchEngine(TinyAttention(seed=1)), reference, 1) > 0.1
    assert deviation(STEPS, Forgetful(network), reference, 10) > 0.1
