"""The engine of each network, in the backend that was chosen."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from models.engine import (
    Engine,
    EngineLoader,
    EngineState,
    NetworkSource,
    TorchEngine,
    load_in_torch,
)
from models.errors import EngineError
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.backends.tensorrt import TensorRtEngine
from trt_engines.backends.tensorrt_library import own_target
from trt_engines.choice import Backend, Choice
from trt_engines.precision import Precision, in_precision, precision_of
from trt_engines.store.folder import StoredEngine
from trt_engines.store.making import EngineStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEngine:
    """What runs one network, where; `why` is a clause."""

    name: str
    backend: Backend
    device: str
    precision: Precision
    why: str


class StoredEngines:
    """An `EngineLoader` over a store, for one backend; `loaded` lists what it has loaded."""

    def __init__(self, store: EngineStore, choice: Choice, *, threads: int = 1) -> None:
        self.choice = choice
        self.loaded: list[LoadedEngine] = []
        self.store = store
        self._threads = threads

    def __call__(self, source: NetworkSource) -> Engine:
        """Return the engine of `source`; make it if it is not stored, or damaged.

        Raises:
            EngineError: it cannot be made, stored or loaded.
        """
        choice, name = self.choice, source.spec.name
        precision = precision_of(source, choice.precision)
        if choice.backend == "torch":
            network = in_precision(source, precision).build()
            engine: Engine = TorchEngine(network.to(choice.device))
        else:
            engine = self._load(source)
        self.loaded.append(
            LoadedEngine(
                name=name,
                backend=choice.backend,
                device=str(choice.device),
                precision=precision,
                why=choice.why,
            )
        )
        logger.debug("%s runs in %s", name, choice)
        return engine

    def later(self, source: NetworkSource) -> Engine:
        """Return an engine of `source` that is loaded when it first runs; its file is made now.

        Raises:
            EngineError: it cannot be made or stored.
        """
        if self.choice.backend != "torch":
            self.stored(source)
        return LateEngine(source, self)

    def _load(self, source: NetworkSource) -> Engine:
        """Load the file of `source`; if it cannot be loaded, make it anew, once."""
        stored = self.stored(source)
        try:
            return self._open(source, stored)
        except EngineError as error:
            logger.warning("%s: it is made again", error)
        self.store.folder.set_aside(stored.name, stored.key)
        return self._open(source, self.stored(source))

    def stored(self, source: NetworkSource) -> StoredEngine:
        """Return the file that the backend loads; make it if it is not there.

        Raises:
            EngineError: it cannot be made or stored.
        """
        backend, precision = self.choice.backend, precision_of(source, self.choice.precision)
        if backend == "tensorrt" or backend == "tensorrt_rtx":
            target = own_target(self.choice.device) or "no GPU"
            return self.store.compiled(source, backend, target, precision)
        if self.choice.device.type == "cpu":
            return self.store.packed(source, precision)
        return self.store.onnx(source, precision)

    def _open(self, source: NetworkSource, stored: StoredEngine) -> Engine:
        choice = self.choice
        spec = in_precision(source, precision_of(source, choice.precision)).spec
        if choice.backend == "tensorrt" or choice.backend == "tensorrt_rtx":
            return TensorRtEngine(spec, stored.file, library=choice.backend, device=choice.device)
        return OrtEngine(spec, stored.file, threads=self._threads, device=choice.device)


class LateEngine:
    """Loads the engine of a network when it first runs: for those that may never run."""

    backend = "not loaded"

    def __init__(self, source: NetworkSource, load: EngineLoader = load_in_torch) -> None:
        self.spec = source.spec
        self._source, self._load = source, load

    @cached_property
    def _engine(self) -> Engine:
        logger.info("loads %s, which is needed for the first time", self.spec.name)
        return self._load(self._source)

    def new_state(self, **dimensions: int) -> EngineState:
        return self._engine.new_state(**dimensions)

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        return self._engine.run(inputs, state)
