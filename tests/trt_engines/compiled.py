"""Compiles the exported networks of tests with TensorRT-RTX, which needs no GPU for that."""

from pathlib import Path

import pytest

from models.engine import EngineSpec
from trt_engines.backends.tensorrt_building import compile_engine

TARGET = "sm89"


def assert_compiles(spec: EngineSpec, onnx: Path) -> None:
    """Compile a file; names, types, profiles and aliases of its network are those of `spec`.

    The test is skipped where TensorRT-RTX has no package: it is for Linux on x86-64.
    """
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX has no package for this machine")
    assert compile_engine("tensorrt_rtx", spec, onnx, TARGET, lambda *_: None)
