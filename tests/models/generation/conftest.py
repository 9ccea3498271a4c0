"""The tiny models' engines in ONNX Runtime."""

import pytest

from models.engine import Engine, EngineLoader, NetworkSource
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.export import export


@pytest.fixture(scope="session")
def load_exported(tmp_path_factory: pytest.TempPathFactory) -> EngineLoader:
    """Return a loader that exports each network once; networks of one name are the same here."""
    folder = tmp_path_factory.mktemp("drawing")

    def load(source: NetworkSource) -> Engine:
        file = folder / f"{source.spec.name}.onnx"
        if not file.exists():
            export(source.build(), file)
        return OrtEngine(source.spec, file)

    return load
