"""The files of networks: found in the store, or exported and compiled once."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.engine import OPSET, NetworkSource
from trt_engines import export, int8
from trt_engines.backends.tensorrt_library import Library, check_target, load_library
from trt_engines.store.folder import EngineFolder, StoredEngine
from trt_engines.store.jobs import Compile, EngineJob, Export, Progress
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker

logger = logging.getLogger(__name__)

EXPORTERS = ("torch", "onnx", "onnxscript")  # whose versions are a part of the key
OWN_EXPORTERS = (export.__file__, int8.__file__)  # and our source code
Report = Callable[[str, str, int, int], None]  # network, phase, steps done, steps in all or 0


def log_report(name: str, phase: str, done: int, _total: int) -> None:
    """Log the start of each phase of making an engine: a `Report`."""
    if done == 0:
        logger.info("%s: %s", name, phase)


class EngineStore:
    """Finds the files of networks in a folder, and lets `maker` make those that are missing."""

    def __init__(self, folder: EngineFolder, maker: Maker, report: Report = log_report) -> None:
        self.folder = folder
        self._report = report
        self._maker = maker

    def onnx(self, source: NetworkSource, *, int8: bool = False) -> StoredEngine:
        """Return the ONNX file of `source`, with matrices of 8 bits if `int8`.

        Raises:
            EngineError: it cannot be exported or stored.
        """
        precision = {"precision": "int8"} if int8 else {}
        made_from = ingredients(source, **exporter_versions(), **precision)

        def job(folder: Path, key: str) -> EngineJob:
            return Export(network=source.build(), file=folder / f"{key}.onnx", int8=int8)

        return self._found_or_made(source.spec.name, made_from, job)

    def compiled(self, source: NetworkSource, library: Library, target: str) -> StoredEngine:
        """Return the engine of `source` for the GPU architecture `target`.

        Raises:
            EngineError: it cannot be exported, compiled or stored.
        """
        check_target(library, target)
        made_from = ingredients(source, **exporter_versions(), **compiler_version(library, target))

        def job(folder: Path, key: str) -> EngineJob:
            return Compile(
                spec=source.spec,
                onnx=self.onnx(source).file,
                file=folder / f"{key}.engine",
                library=library,
                target=target,
            )

        return self._found_or_made(source.spec.name, made_from, job)

    def _found_or_made(
        self, name: str, made_from: Mapping[str, Any], job: Callable[[Path, str], EngineJob]
    ) -> StoredEngine:
        key = digest(made_from)
        found = self.folder.find(name, key)
        if found is not None:
            return found
        progress = self._progress(name)
        with self.folder.lock(
            name, key, lambda: progress("waiting for another process that makes it", 0, 0)
        ):
            found = self.folder.find(name, key)
            if found is not None:
                return found
            with self.folder.scratch(name) as scratch:
                progress("preparing, once for this machine", 0, 0)
                self._maker.make(job(scratch, key), progress)
                made = self.folder.add(name, key, scratch, {"made_from": made_from})
        progress("stored", 1, 1)
        return made

    def _progress(self, name: str) -> Progress:
        return lambda phase, done, total: self._report(name, phase, done, total)


@lru_cache(maxsize=1)
def exporter_versions() -> dict[str, str]:
    """Return what decides about an ONNX file besides its network."""
    own = hashlib.sha256(b"".join(Path(str(file)).read_bytes() for file in OWN_EXPORTERS))
    libraries = {name: version(name) for name in EXPORTERS}
    return {"opset": str(OPSET), "exporter": own.hexdigest(), **libraries}


def compiler_version(library: Library, target: str) -> dict[str, str]:
    """Return what decides about an engine besides its network.

    Raises:
        EngineError: the library does not load.
    """
    return {"library": f"{library} {load_library(library).__version__}", "target": target}
