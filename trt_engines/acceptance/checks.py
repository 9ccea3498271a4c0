"""The checks of a machine: networks against a reference and timed; then the store, with damage."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from models.engine import Engine, NetworkSource, TorchEngine, load_in_torch
from trt_engines.acceptance.cuda_graphs import captured_in_torch
from trt_engines.acceptance.figures import latencies, memory, soak
from trt_engines.acceptance.outcome import Outcome, Verdict
from trt_engines.acceptance.rollout import (
    Measure,
    Rollout,
    cast,
    deviation,
    largest_error,
    mean_error,
    rollout,
)
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.backends.tensorrt import TensorRtEngine
from trt_engines.choice import Choice
from trt_engines.loading import StoredEngines
from trt_engines.precision import SHORT, Precision, in_precision, precision_of
from trt_engines.store.folder import BAD, EngineFolder
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore, Report

STEPS = 200
STEPS_WITHOUT_CACHE = 20  # which do not depend on each other
# Over numbers at random: of the largest output, in 16 bits of the root mean square. Fewer bits are
# judged by the errors of the model; a wrong network is off by about 1.
TOLERANCE: dict[Precision, float] = {
    "float32": 1e-3,
    "float16": 0.2,  # through 30 layers; one or two are off by 0.002
    "bfloat16": 0.5,
    "int8": 0.1,
}
TF32 = 2e-2  # of float32 on a GPU: products have 11 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network in an empty store of its own, and the backend that is to be accepted."""

    source: NetworkSource
    choice: Choice
    maker: Maker
    home: Path
    report: Report
    soak: float  # seconds

    def loader(self, home: Path | None = None, maker: Maker | None = None) -> StoredEngines:
        store = EngineStore(EngineFolder(home or self.home), maker or self.maker, self.report)
        return StoredEngines(store, self.choice)

    @property
    def precision(self) -> Precision:
        return precision_of(self.source, self.choice.precision)

    @property
    def limit(self) -> float:
        """How far from the reference it may be, as a share of the largest output."""
        own = TOLERANCE[self.precision]
        return max(own, TF32) if self.choice.device.type == "cuda" else own

    @property
    def measure(self) -> Measure:
        return mean_error if self.precision in SHORT else largest_error

    def skipped(self, check: str, why: str) -> Outcome:
        return Outcome(network=self.source.spec.name, check=check, verdict="SKIP", found=why)

    def outcome(self, check: str, passed: bool, found: str, **figures: float) -> Outcome:
        verdict: Verdict = "PASS" if passed else "FAIL"
        name = self.source.spec.name
        return Outcome(network=name, check=check, verdict=verdict, found=found, figures=figures)


def accept(case: Case) -> Iterator[Outcome]:
    """Return the outcome of each check that depends on the network; one that raises is a FAIL."""
    try:
        engine = case.loader()(case.source)
        yield from _built(case, engine)
        yield from _ran(case, engine)
    except Exception as error:  # noqa: BLE001  (the other networks are checked, whatever it is)
        yield case.outcome("error", False, f"{type(error).__name__}: {error}")


def accept_store(case: Case) -> Iterator[Outcome]:
    """Return the outcome of each check of the store, for one network: the others are the same."""
    if case.choice.backend == "torch":
        yield case.skipped("store", "PyTorch runs the network itself, nothing is stored")
        return
    try:
        yield _reloaded(case)
        yield _damaged(case, "flipped byte", _flip)
        yield _damaged(case, "truncation", _cut)
        made_from = ingredients(case.source, torch="another version")
        other = EngineFolder(case.home).find(case.source.spec.name, digest(made_from))
        yield case.outcome("version change", other is None, "another version has another key")
        yield _two_builders(case)
    except Exception as error:  # noqa: BLE001  (as above)
        yield case.outcome("error", False, f"{type(error).__name__}: {error}")


def accept_soak(case: Case) -> Iterator[Outcome]:
    """Return the outcome of two sessions that use a network at once, for a while."""
    try:
        engine, onnx = case.loader()(case.source), case.loader().store.onnx(case.source).file
        steps, limit = rollout(case.source.spec, onnx), case.limit
        rounds, worst = soak(steps, engine, _reference(case, onnx), case.soak, case.measure)
        text = f"2 sessions, {case.soak:.0f} s, {rounds} rounds: at most {worst:.1e}"
        yield case.outcome("soak", worst <= limit, text, deviation=worst)
    except Exception as error:  # noqa: BLE001  (as above)
        yield case.outcome("error", False, f"{type(error).__name__}: {error}")


def _built(case: Case, engine: Engine) -> Iterator[Outcome]:
    """Check what was loaded; its tables are compared at each load."""
    told = engine.backend == case.choice.backend
    where = f"{engine.backend} on {case.choice.device}, {case.precision}"
    yield case.outcome("backend", told, where)
    wanted = in_precision(case.source, case.precision).spec
    found = f"as its spec; {len(wanted.state)} caches in place"
    yield case.outcome("tables", engine.spec == wanted, found)


def _ran(case: Case, engine: Engine) -> Iterator[Outcome]:
    """Compare it with the reference, and time it."""
    loader, on_cpu = case.loader(), case.choice.device.type == "cpu"
    onnx = (loader.stored if on_cpu else loader.store.onnx)(case.source).file
    steps, reference = rollout(case.source.spec, onnx), _reference(case, onnx)
    count = STEPS if case.source.spec.state else STEPS_WITHOUT_CACHE
    worst = deviation(steps, engine, reference, count, case.measure)
    where = f"{count} steps, cache written over: at most {worst:.1e} from {reference.backend}"
    yield case.outcome("parity", worst <= case.limit, where, deviation=worst)
    state = engine.new_state(**steps.lengths)
    inputs = cast(steps.inputs(0), engine.spec)
    found = latencies(lambda _: engine.run(inputs, state), count)
    yield case.outcome("latency", True, _milliseconds(found), **found)
    yield _graphs(case, engine, steps)
    used = memory(case.choice.device)
    yield case.outcome("memory", True, ", ".join(f"{k} {v:.0f}" for k, v in used.items()), **used)


def _reference(case: Case, onnx: Path) -> Engine:
    """Return what is right: PyTorch on a CPU, and another runtime than PyTorch on a GPU."""
    if case.choice.device.type == "cpu":
        return load_in_torch(case.source)
    return OrtEngine(case.source.spec, onnx, threads=torch.get_num_threads())


def _graphs(case: Case, engine: Engine, steps: Rollout) -> Outcome:
    """Compare a CUDA graph with a run, and time it."""
    if case.choice.device.type != "cuda":
        return case.skipped("CUDA graph", f"{engine.backend} has none here")
    inputs = cast(steps.inputs(0), engine.spec)
    state, other = (engine.new_state(**steps.lengths) for _ in range(2))
    if isinstance(engine, TensorRtEngine):
        replay = engine.captured(inputs, state)
    elif isinstance(engine, TorchEngine):
        network = in_precision(case.source, case.precision).build().to(case.choice.device)
        replay = captured_in_torch(network, inputs, state)
    else:
        return case.skipped("CUDA graph", f"{engine.backend} has none here")
    made, wanted = replay(), engine.run(inputs, other)
    worst = max(case.measure(made[name].cpu(), wanted[name].cpu()) for name in wanted)
    found = latencies(lambda _: replay(), STEPS)
    text = f"{_milliseconds(found)}; at most {worst:.1e} from a run"
    return case.outcome("CUDA graph", worst <= case.limit, text, **found)


def _reloaded(case: Case) -> Outcome:
    """Load it again, and then make it anew in an empty folder."""
    began = time.monotonic()
    case.loader()(case.source)
    warm = time.monotonic() - began
    with tempfile.TemporaryDirectory(dir=case.home) as name:
        began = time.monotonic()
        case.loader(Path(name))(case.source)
        cold = time.monotonic() - began
    text = f"{warm:.2f} s, made anew {cold:.1f} s"
    return case.outcome("warm reload", warm < cold, text, warm=warm, cold=cold)


def _damaged(case: Case, check: str, damage: Callable[[Path], None]) -> Outcome:
    loader = case.loader()
    file = loader.stored(case.source).file
    damage(file)
    loader(case.source)
    aside = file.with_name(file.name + BAD)
    again = loader.stored(case.source).file.stat().st_size
    return case.outcome(check, aside.exists() and again > 0, "noticed, set aside and made again")


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _two_builders(case: Case) -> Outcome:
    """Let two processes make the same engine at once: one does, the other waits for it."""
    made: list[str] = []

    def report(name: str, phase: str, done: int, total: int) -> None:
        if phase == "stored":
            made.append(name)

    def build(home: Path) -> None:
        with Maker() as maker:
            store = EngineStore(EngineFolder(home), maker, report)
            StoredEngines(store, case.choice).stored(case.source)

    with tempfile.TemporaryDirectory(dir=case.home) as name:
        if case.loader().stored(case.source).file.suffix != ".onnx":
            case.loader(Path(name)).store.onnx(
                case.source, case.precision
            )  # one remains to be made
        both = [threading.Thread(target=build, args=(Path(name),)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    return case.outcome("two builders", len(made) == 1, f"made {len(made)} times")


def _milliseconds(found: dict[str, float]) -> str:
    return ", ".join(f"{name.removesuffix('_ms')} {value:.2f} ms" for name, value in found.items())
