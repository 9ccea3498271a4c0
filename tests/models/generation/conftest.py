"""The tiny models' engines in ONNX Runtime."""

from pathlib import Path

import pytest

from models.engine import Engine, EngineLoader, NetworkSource
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.export import export


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the exported networks, which are named as their specs."""
    return tmp_path_factory.mktemp("drawing")


@pytest.fixture(scope="session")
def load_exported(exported: Path) -> EngineLoader:
    """Return a loader that exports each network once; networks of one name are the same here."""

    def load(source: NetworkSource) -> Engine:
        file = exported / f"{source.spec.name}.onnx"
        if not file.exists():
            export(source.build(), file)
        return OrtEngine(source.spec, file)

    return load
