"""ONNX files and engines of the networks of tests, each made once.

Making one takes seconds, and the next run would make the same: the network with its weights, the
code and the versions of what exports and compiles are in its key. What no test used for a month
is deleted.
"""

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from models.engine import Engine, EngineSpec, ExportableNetwork, NetworkSource
from models.weights.checksums import sha256
from tests.paths import ROOT
from trt_engines.backends import tensorrt_building
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.backends.tensorrt_building import compile_engine
from trt_engines.export import export
from trt_engines.store.folder import EngineFolder
from trt_engines.store.keys import canonical, code_digest, digest
from trt_engines.store.making import compiler_version, exporter_versions

FOLDER = EngineFolder(ROOT / ".cache" / "eyeline" / "test-engines")
KEPT = 30 * 24 * 3600  # seconds without use
TARGET = "sm89"


class ExportedEngine(OrtEngine):
    """A network in ONNX Runtime.

    Raises:
        EngineError: it cannot be exported.
    """

    def __init__(self, network: ExportableNetwork, *, exact: bool = False) -> None:
        self.file = stored_onnx(network)
        super().__init__(network.spec, self.file, exact=exact)


def load_exported(source: NetworkSource) -> ExportedEngine:
    """Export a network, and run it in ONNX Runtime: an `EngineLoader`."""
    return ExportedEngine(source.build())


def assert_compiles(made: Engine | ExportableNetwork) -> None:
    """Compile with TensorRT-RTX, which needs no GPU for that.

    Names, types, profiles and aliases of the compiled network are those of the spec. The test is
    skipped where TensorRT-RTX has no package: it is for Linux on x86-64.
    """
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX has no package for this machine")
    if isinstance(made, ExportableNetwork):
        file = stored_onnx(made)
    else:
        assert isinstance(made, ExportedEngine)
        file = made.file
    assert stored_engine(made.spec, file).stat().st_size


def stored_onnx(network: ExportableNetwork) -> Path:
    """Return the exported file of `network`.

    Raises:
        EngineError: it cannot be exported.
    """
    pickled = io.BytesIO()
    torch.save(network, pickled)
    made_from = {
        "spec": canonical(network.spec),
        "network": hashlib.sha256(pickled.getbuffer()).hexdigest(),
        "code": code_digest(type(network)),
        **exporter_versions(),
    }
    return _stored(network.spec.name, made_from, ".onnx", lambda file: export(network, file))


def stored_engine(spec: EngineSpec, onnx: Path) -> Path:
    """Return what TensorRT-RTX compiles of a file, for a GPU that need not be there.

    Raises:
        EngineError: it cannot be compiled.
    """
    weights = onnx.with_name(f"{onnx.name}.data")
    made_from = {
        "spec": canonical(spec),
        "files": [sha256(file) for file in (onnx, weights) if file.is_file()],
        "code": sha256(Path(tensorrt_building.__file__)),
        **compiler_version("tensorrt_rtx", TARGET),
    }
    return _stored(
        spec.name,
        made_from,
        ".engine",
        lambda file: file.write_bytes(
            compile_engine("tensorrt_rtx", spec, onnx, TARGET, lambda *_: None)
        ),
    )


def _stored(
    name: str, made_from: Mapping[str, Any], suffix: str, make: Callable[[Path], object]
) -> Path:
    key = digest(made_from)
    with FOLDER.lock(name, key, lambda: None):
        found = FOLDER.find(name, key)
        if found is None:
            with FOLDER.scratch(name, key) as scratch:
                make(scratch / f"{key}{suffix}")
                found = FOLDER.add(name, key, scratch, {"made_from": made_from})
            _delete_unused(found.file)
    os.utime(found.file)
    return found.file


def _delete_unused(newest: Path) -> None:
    """Delete files of this network that were last used long before `newest` was made."""
    for file in newest.parent.iterdir():
        age = newest.stat().st_mtime - file.stat().st_mtime
        if file.suffix in (".onnx", ".engine") and age > KEPT:
            for each in newest.parent.glob(f"{file.stem}.*"):
                each.unlink(missing_ok=True)
