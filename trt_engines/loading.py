"""The engine of each network: stored, or exported once and then stored."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

from models.engine import OPSET, Engine, NetworkSource, load_in_torch
from models.errors import EngineError
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.choice import Backend, Choice
from trt_engines.store.folder import EngineFolder, StoredEngine
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker

logger = logging.getLogger(__name__)

EXPORTERS = ("torch", "onnx", "onnxscript")  # whose versions are a part of the key
Report = Callable[[str, str, int, int], None]  # network, phase, steps done, steps in all or 0


def log_report(name: str, phase: str, done: int, _total: int) -> None:
    """Log the start of each phase of making an engine: a `Report`."""
    if done == 0:
        logger.info("%s: %s", name, phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEngine:
    """What runs one network; `why` is a clause."""

    name: str
    backend: Backend
    why: str


class StoredEngines:
    """An `EngineLoader` over a store, for one backend; `loaded` lists what it has loaded.

    The process that exports is started when it is needed, and ends with the `with` block.
    """

    def __init__(
        self,
        store: EngineFolder,
        choice: Choice,
        *,
        threads: int = 1,
        report: Report = log_report,
    ) -> None:
        self.choice = choice
        self.loaded: list[LoadedEngine] = []
        self._store = store
        self._threads = threads
        self._report = report
        self._maker = Maker()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._maker.close()

    def __call__(self, source: NetworkSource) -> Engine:
        """Return the engine of `source`; export it if it is not stored, or damaged.

        Raises:
            EngineError: it cannot be exported, stored or loaded.
        """
        engine = load_in_torch(source) if self.choice.backend == "torch" else self._load(source)
        choice, name = self.choice, source.spec.name
        self.loaded.append(LoadedEngine(name=name, backend=choice.backend, why=choice.why))
        logger.info("%s runs in %s", name, choice)
        return engine

    def _load(self, source: NetworkSource) -> Engine:
        """Load the file of `source`; if it cannot be loaded, export it anew, once."""
        stored = self.stored(source)
        try:
            return OrtEngine(source.spec, stored.file, threads=self._threads)
        except EngineError as error:
            logger.warning("%s: it is made again", error)
        self._store.set_aside(stored.name, stored.key)
        return OrtEngine(source.spec, self.stored(source).file, threads=self._threads)

    def stored(self, source: NetworkSource) -> StoredEngine:
        """Return the file of `source` from the store; export it if it is not there.

        Raises:
            EngineError: it cannot be exported or stored.
        """
        made_from = ingredients(
            source, opset=str(OPSET), **{name: version(name) for name in EXPORTERS}
        )
        name, key = source.spec.name, digest(made_from)
        found = self._store.find(name, key)
        if found is not None:
            return found

        def waiting() -> None:
            self._report(name, "waiting for another process that makes it", 0, 0)

        with self._store.lock(name, key, waiting):
            return self._store.find(name, key) or self._export(source, key, made_from)

    def _export(self, source: NetworkSource, key: str, made_from: dict[str, Any]) -> StoredEngine:
        """Export `source`; the caller holds the lock."""
        name = source.spec.name

        def progress(phase: str, done: int, total: int) -> None:
            self._report(name, phase, done, total)

        with self._store.scratch(name) as scratch:
            progress("reading weights", 0, 0)
            self._maker.export(source.build(), scratch / f"{key}.onnx", progress)
            stored = self._store.add(name, key, scratch, {"made_from": made_from})
        progress("stored", 1, 1)
        return stored
