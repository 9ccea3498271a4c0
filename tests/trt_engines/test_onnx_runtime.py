"""An exported network in ONNX Runtime against the network itself."""

from pathlib import Path

import pytest
import torch

from models.engine import Engine, EngineState, TorchEngine
from models.errors import EngineError
from tests.trt_engines.tiny_network import SLOTS, WIDTH, TinyAttention
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.export import check_file, export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export(TinyAttention(), path)
    return path


@pytest.fixture(scope="module")
def engines(file: Path) -> tuple[TorchEngine, OrtEngine]:
    network = TinyAttention()
    return TorchEngine(network), OrtEngine(network.spec, file)


def step(engine: Engine, state: EngineState, x: torch.Tensor, number: int) -> torch.Tensor:
    """Run step `number` of a rollout that wraps the cache."""
    batch, count, _ = x.shape
    first = number * count % SLOTS
    mask = torch.zeros(batch, 1, count, SLOTS, dtype=torch.bool)
    mask[..., : min(SLOTS, (number + 1) * count)] = True
    inputs = {"x": x, "start": torch.full((batch,), first), "mask": mask}
    return engine.run(inputs, state)["y"]


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (1, 4), (3, 2), (8, 16)])
def test_a_rollout_that_wraps_the_cache_is_the_same_in_both(
    engines: tuple[TorchEngine, OrtEngine], batch: int, count: int
) -> None:
    reference, engine = engines
    states = reference.new_state(batch=batch), engine.new_state(batch=batch)
    for number in range(200):
        x = torch.randn(batch, count, WIDTH)
        wanted = step(reference, states[0], x, number)
        made = step(engine, states[1], x, number)
        assert (wanted - made).abs().max() < 1e-5
    for name in ("keys", "values"):
        assert torch.allclose(states[0].buffers[name], states[1].buffers[name], atol=1e-5)


def test_a_run_updates_the_buffers_of_its_state_in_place(
    engines: tuple[TorchEngine, OrtEngine],
) -> None:
    for engine in engines:
        state = engine.new_state(batch=2)
        buffer, copied = state.buffers["keys"], state.copy()
        step(engine, state, torch.randn(2, 4, WIDTH), 0)
        assert state.buffers["keys"] is buffer
        assert buffer[:, :, :4].abs().min() > 0
        assert not buffer[:, :, 4:].any()
        assert not copied.buffers["keys"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 4, WIDTH + 1)}, "expected x as"),
        ({"x": torch.zeros(2, 4, WIDTH).double()}, "expected x as"),
        ({"x": torch.zeros(2, 17, WIDTH)}, "expected mask as"),
        ({"start": torch.zeros(3, dtype=torch.int64)}, "expected start as"),
        ({"mask": None}, "mask is missing"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_before_the_run(
    engines: tuple[TorchEngine, OrtEngine], change: dict[str, torch.Tensor | None], message: str
) -> None:
    fitting: dict[str, torch.Tensor | None] = {
        "x": torch.zeros(2, 4, WIDTH),
        "start": torch.zeros(2, dtype=torch.int64),
        "mask": torch.ones(2, 1, 4, SLOTS, dtype=torch.bool),
    }
    given = {name: each for name, each in {**fitting, **change}.items() if each is not None}
    for engine in engines:
        with pytest.raises(EngineError, match=message):
            engine.run(given, engine.new_state(batch=2))


def test_a_length_outside_its_range_is_refused(engines: tuple[TorchEngine, OrtEngine]) -> None:
    for engine in engines:
        state = engine.new_state(batch=9)
        with pytest.raises(EngineError, match="expected a batch of 1 to 8, got 9"):
            step(engine, state, torch.zeros(9, 4, WIDTH), 0)


def test_a_file_of_another_network_is_noticed(file: Path) -> None:
    spec = TinyAttention().spec
    check_file(file, spec)
    other = TinyAttention().spec.inputs[:1]
    with pytest.raises(EngineError, match="the file has"):
        check_file(file, type(spec)(name="other", inputs=other, outputs=spec.outputs))


def test_a_damaged_file_is_refused(file: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(file.read_bytes()[:500])
    with pytest.raises(EngineError, match="cannot load"):
        OrtEngine(TinyAttention().spec, damaged)
