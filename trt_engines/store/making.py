"""The files of networks: found in the store, or exported and compiled once."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trt_engines.precision
from models.engine import OPSET, NetworkSource
from trt_engines.backends.tensorrt_library import Library, check_target, load_library
from trt_engines.precision import SHORT, Precision, in_precision
from trt_engines.store.folder import EngineFolder, StoredEngine
from trt_engines.store.jobs import Compile, EngineJob, Export, Progress
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker

logger = logging.getLogger(__name__)

EXPORTERS = ("torch", "onnx", "onnxscript")  # whose versions are a part of the key
OWN_EXPORTERS = (
    "export.py",
    "int8.py",
    "repeated_layers.py",
)  # and our source code, beside this folder
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

    def onnx(self, source: NetworkSource, precision: Precision = "float32") -> StoredEngine:
        """Return the ONNX file of `source` in a precision: what TensorRT compiles.

        Raises:
            EngineError: it cannot be exported or stored.
        """
        return self._exported(source, precision, {})

    def packed(self, source: NetworkSource, precision: Precision = "float32") -> StoredEngine:
        """Return the file of `source` in a precision for ONNX Runtime on a CPU.

        Raises:
            EngineError: it cannot be exported or stored.
        """
        return self._exported(source, precision, {"onnxruntime": version("onnxruntime")})

    def _exported(
        self, source: NetworkSource, precision: Precision, packed_by: Mapping[str, str]
    ) -> StoredEngine:
        versions = {**exporter_versions(), **packed_by}
        made_from = ingredients(source, **versions, **precision_details(precision))

        def job(folder: Path, key: str) -> EngineJob:
            return Export(
                network=in_precision(source, precision).build(),
                file=folder / f"{key}.onnx",
                int8=precision == "int8",
                packed=bool(packed_by),
            )

        return self._found_or_made(source.spec.name, made_from, job)

    def compiled(
        self, source: NetworkSource, library: Library, target: str, precision: Precision = "float32"
    ) -> StoredEngine:
        """Return the engine of `source` for the GPU architecture `target`.

        Raises:
            EngineError: it cannot be exported, compiled or stored.
        """
        check_target(library, target)
        details = {**compiler_version(library, target), **precision_details(precision)}
        made_from = ingredients(source, **exporter_versions(), **details)

        def job(folder: Path, key: str) -> EngineJob:
            return Compile(
                spec=in_precision(source, precision).spec,
                onnx=self.onnx(source, precision).file,
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
            with self.folder.scratch(name, key) as scratch:
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
    folder = Path(__file__).parents[1]
    own = hashlib.sha256(b"".join((folder / name).read_bytes() for name in OWN_EXPORTERS))
    libraries = {name: version(name) for name in EXPORTERS}
    return {"opset": str(OPSET), "exporter": own.hexdigest(), **libraries}


def precision_details(precision: Precision) -> dict[str, str]:
    """Return what a precision adds to the key; float32 adds nothing."""
    if precision == "float32":
        return {}
    if precision in SHORT:
        code = hashlib.sha256(Path(trt_engines.precision.__file__).read_bytes()).hexdigest()
        return {"precision": precision, "precision_code": code}
    return {"precision": precision}


def compiler_version(library: Library, target: str) -> dict[str, str]:
    """Return what decides about an engine besides its network.

    Raises:
        EngineError: the library does not load.
    """
    return {"library": f"{library} {load_library(library).__version__}", "target": target}
