"""The checks of one network: built, reloaded, equal to the reference, timed, damaged."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.engine import Engine, NetworkSource, load_in_torch
from models.errors import EngineError
from trt_engines.acceptance.figures import latencies, memory, soak
from trt_engines.acceptance.outcome import Outcome, Verdict
from trt_engines.acceptance.rollout import Rollout, deviation, rollout
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.backends.tensorrt import TensorRtEngine
from trt_engines.choice import Choice
from trt_engines.loading import StoredEngines
from trt_engines.store.folder import BAD, EngineFolder
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore, Report

STEPS = 200
# Of the largest output. A GPU's TF32 has 10 bits; 8 bits are judged by the errors of the model.
TOLERANCE = {"cpu": 1e-3, "int8": 0.1, "cuda": 2e-2}


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

    def outcome(self, check: str, passed: bool, found: str, **figures: float) -> Outcome:
        verdict: Verdict = "PASS" if passed else "FAIL"
        name = self.source.spec.name
        return Outcome(network=name, check=check, verdict=verdict, found=found, figures=figures)


def accept(case: Case) -> Iterator[Outcome]:
    """Return the outcome of each check of a network; one that raises is a FAIL."""
    try:
        yield from _built(case)
        engine = case.loader()(case.source)
        yield from _ran(case, engine)
        yield from _repaired(case)
    except EngineError as error:
        yield case.outcome("error", False, str(error))


def _built(case: Case) -> Iterator[Outcome]:
    """Build it from nothing, then load it again; its tables are compared at each load."""
    began = time.monotonic()
    engine = case.loader()(case.source)
    cold = time.monotonic() - began
    yield case.outcome("cold build", True, f"{cold:.1f} s", seconds=cold)
    began = time.monotonic()
    engine = case.loader()(case.source)
    warm = time.monotonic() - began
    yield case.outcome("warm reload", warm < cold, f"{warm:.2f} s", seconds=warm)
    told = engine.backend == case.choice.backend
    yield case.outcome("backend", told, f"{engine.backend} on {case.choice.device}")
    state = [each.name for each in case.source.spec.state]
    yield case.outcome(
        "tables", engine.spec == case.source.spec, f"as its spec; {len(state)} caches in place"
    )


def _ran(case: Case, engine: Engine) -> Iterator[Outcome]:
    """Compare it with the reference, and time it."""
    onnx = case.loader().store.onnx(case.source).file
    steps = rollout(case.source.spec, onnx)
    gpu = case.choice.device.type == "cuda"
    reference = OrtEngine(case.source.spec, onnx) if gpu else load_in_torch(case.source)
    limit = TOLERANCE["cuda" if gpu else "int8" if case.source.int8 else "cpu"]
    worst = deviation(steps, engine, reference, STEPS)
    where = f"{STEPS} steps, cache written over: at most {worst:.1e} from {reference.backend}"
    yield case.outcome("parity", worst <= limit, where, deviation=worst)
    state = engine.new_state(**steps.lengths)
    inputs = steps.inputs(0)
    found = latencies(lambda _: engine.run(inputs, state), STEPS)
    yield case.outcome("latency", True, _milliseconds(found), **found)
    yield _graphs(case, engine, steps)
    used = memory(case.choice.device)
    yield case.outcome("memory", True, ", ".join(f"{k} {v:.0f}" for k, v in used.items()), **used)
    if case.soak > 0:
        rounds, worst = soak(steps, engine, reference, case.soak)
        text = f"2 sessions, {case.soak:.0f} s, {rounds} rounds: at most {worst:.1e}"
        yield case.outcome("soak", worst <= limit, text, deviation=worst)


def _graphs(case: Case, engine: Engine, steps: Rollout) -> Outcome:
    """Time it as a CUDA graph."""
    if not isinstance(engine, TensorRtEngine):
        name, why = case.source.spec.name, f"{engine.backend} has none here"
        return Outcome(network=name, check="CUDA graph", verdict="SKIP", found=why)
    replay = engine.captured(steps.inputs(0), engine.new_state(**steps.lengths))
    found = latencies(lambda _: replay(), STEPS)
    return case.outcome("CUDA graph", True, _milliseconds(found), **found)


def _repaired(case: Case) -> Iterator[Outcome]:
    """Damage its file in several ways; each is noticed and made good."""
    yield _damaged(case, "flipped byte", _flip)
    yield _damaged(case, "truncation", _cut)
    made_from = ingredients(case.source, torch="another version")
    other = EngineFolder(case.home).find(case.source.spec.name, digest(made_from))
    yield case.outcome("version change", other is None, "another version has another key")
    yield _two_builders(case)


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
        case.loader(Path(name)).store.onnx(case.source)  # so that one file remains to be made
        first = case.loader().stored(case.source)
        if first.file.suffix == ".onnx":
            for file in Path(name).glob("*/*.json"):
                file.unlink()
        both = [threading.Thread(target=build, args=(Path(name),)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    return case.outcome("two builders", len(made) == 1, f"made {len(made)} times")


def _milliseconds(found: dict[str, float]) -> str:
    return ", ".join(f"{name.removesuffix('_ms')} {value:.2f} ms" for name, value in found.items())
