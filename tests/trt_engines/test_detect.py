"""Detection with real packages, and with the output of a scripted nvidia-smi."""

import importlib.util
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from tests.paths import ROOT
from trt_engines.detect import (
    DetectedHardware,
    Gpu,
    Runtime,
    _torch_without_gpu,
    as_json,
    as_text,
    detect,
    gpus,
)


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an nvidia-smi that runs `script` on the path, alone."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_runtimes_have_the_versions_that_are_installed() -> None:
    found = {runtime.name: runtime for runtime in detect().runtimes}
    assert found["ONNX Runtime"].version == version("onnxruntime")
    assert "CPUExecutionProvider" in found["ONNX Runtime"].detail
    assert found["PyTorch"].version is not None
    assert found["PyTorch"].version.startswith(version("torch").partition("+")[0])


def test_without_a_gpu_pytorch_is_described_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its import takes seconds."""
    monkeypatch.setenv("PATH", str(tmp_path))
    code = (
        "import sys; from trt_engines.detect import detect; found = detect(); "
        "assert 'torch' not in sys.modules; print(found.runtimes[-1])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    detail = "CPU only" if torch.version.cuda is None else f"CUDA {torch.version.cuda}, no GPU"
    assert printed.strip() == str(Runtime("PyTorch", torch.__version__, detail))


@pytest.mark.parametrize("name", ["version.py", "lib/libtorch_cpu.so"])
def test_a_damaged_pytorch_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = tmp_path / "torch"
    (home / "lib").mkdir(parents=True)
    (home / "__init__.py").touch()
    (home / "version.py").write_text("__version__ = '2.0'\ncuda = None\n")
    if name == "version.py":
        (home / name).unlink()
    else:
        (home / name).write_text("no library")
    spec = importlib.util.spec_from_file_location("torch", home / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: spec)
    found = _torch_without_gpu()
    assert found.version is None
    assert "does not load" in found.detail


def test_gpus_are_read_from_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(
        tmp_path,
        monkeypatch,
        'echo "NVIDIA H100 80GB HBM3, 81559, 9.0, 570.86"; echo "Tesla M40, 11441, [N/A], 470.1"',
    )
    assert gpus() == (
        Gpu("NVIDIA H100 80GB HBM3", 81_559 * 2**20, "9.0", "570.86"),
        Gpu("Tesla M40", 11_441 * 2**20, None, "470.1"),
    )


@pytest.mark.parametrize(
    "script", ["echo No devices were found", "exit 9", "echo 'a, b'; echo", "printf ,,,"]
)
def test_a_driver_without_a_gpu_gives_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    driver(tmp_path, monkeypatch, script)
    assert gpus() == ()


def test_a_machine_without_a_driver_has_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == ()


def test_a_package_that_does_not_load_differs_from_one_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "tensorrt_rtx"
    stub.mkdir()
    (stub / "__init__.py").write_text("raise ImportError('libtensorrt_rtx.so: not found\\nmore')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt_rtx", raising=False)
    found = {runtime.name: runtime for runtime in detect().runtimes}
    assert found["TensorRT-RTX"] == Runtime(
        "TensorRT-RTX", None, "installed, but does not load: libtensorrt_rtx.so: not found"
    )


def test_text_and_json_have_everything() -> None:
    found = DetectedHardware(
        (Gpu("A GPU", 2**33, "8.9", None),), (Runtime("PyTorch", "2.0", "CPU only"),)
    )
    assert as_text(found).splitlines() == [
        "GPU           A GPU, 8 GiB, SM 8.9, driver unknown",
        "PyTorch       2.0          CPU only",
    ]
    assert json.loads(as_json(found))["gpus"][0]["capability"] == "8.9"
    assert "none" in as_text(DetectedHardware((), ()))
