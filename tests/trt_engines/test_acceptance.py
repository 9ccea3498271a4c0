"""The acceptance of this machine with a tiny network; the reference must notice a wrong engine."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.engine import EngineState, NetworkSource, TorchEngine
from tests.trt_engines.tiny_network import SLOTS, TinyAttention
from trt_engines.acceptance.checks import Case, accept, accept_soak, accept_store
from trt_engines.acceptance.rollout import Rollout, deviation, mean_error
from trt_engines.choice import Backend, choose
from trt_engines.store.maker import Maker

pytestmark = pytest.mark.slow
STEPS = Rollout(spec=TinyAttention().spec, cursors=frozenset({"start"}))


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_machine_with_a_cpu_is_accepted(backend: Backend, maker: Maker, tmp_path: Path) -> None:
    case = Case(
        source=NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention),
        choice=choose(backend, "cpu", "float16"),
        maker=maker,
        home=tmp_path,
        report=lambda *_: None,
        soak=0.1,
    )
    found = [*accept(case), *accept_store(case), *accept_soak(case)]
    outcomes = {each.check: each for each in found}
    assert {each.verdict for each in found} == {"PASS", "SKIP"}, found
    skipped = {check for check, each in outcomes.items() if each.verdict == "SKIP"}
    assert 1e-5 < outcomes["parity"].figures["deviation"] < 1e-2
    assert outcomes["backend"].found == f"{backend} on cpu, float16"
    assert outcomes["latency"].figures["p99_ms"] >= outcomes["latency"].figures["p50_ms"] > 0
    assert {"tables", "soak", "memory"} < {*outcomes}
    if backend == "torch":
        assert skipped == {"CUDA graph", "store"}
    else:
        assert skipped == {"CUDA graph"}
        assert {"warm reload", "flipped byte", "truncation", "version change"} < {*outcomes}
        assert outcomes["two builders"].found == "made 1 times"


def broken() -> TinyAttention:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_an_error_of_any_kind_is_a_check_that_failed(maker: Maker, tmp_path: Path) -> None:
    """The networks after it are checked, too."""
    case = Case(
        source=NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=broken),
        choice=choose("torch", "cpu"),
        maker=maker,
        home=tmp_path,
        report=lambda *_: None,
        soak=0.1,
    )
    (outcome,) = accept(case)
    assert outcome.verdict == "FAIL"
    assert outcome.found.startswith("RuntimeError: CUDA error")


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
    assert deviation(STEPS, TorchEngine(TinyAttention(seed=1)), reference, 1, mean_error) > 0.5
    assert deviation(STEPS, Forgetful(network), reference, 10, mean_error) > 0.5
