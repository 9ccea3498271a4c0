"""The backend that is chosen, and what is said of the others."""

import pytest
import torch

import trt_engines.choice
from models.errors import EngineError
from trt_engines.choice import choose, choose_device


def test_a_cpu_runs_onnx_runtime() -> None:
    choice = choose("auto", "cpu")
    assert (choice.backend, choice.device.type) == ("onnxruntime", "cpu")
    assert str(choice) == "ONNX Runtime on cpu: the quickest on a CPU"
    assert choose("torch", "cpu").why == "the setting EYELINE_BACKEND"


def test_a_backend_that_does_not_run_is_an_error_and_not_replaced() -> None:
    with pytest.raises(
        EngineError, match="TensorRT cannot run the networks on cpu: it needs a GPU"
    ):
        choose("tensorrt", "cpu")
    with pytest.raises(EngineError, match="there is no cuda:99"):
        choose_device("cuda:99")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two H100."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: (9, 0))


@pytest.mark.usefixtures("gpu")
def test_a_gpu_without_a_library_runs_pytorch_and_the_reasons_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def targets(name: str, _device: object) -> tuple[str, ...]:
        if name == "tensorrt":
            raise EngineError("tensorrt does not load: no such file")
        return ("sm89", "sm120")

    monkeypatch.setattr(trt_engines.choice, "targets_of", targets)
    choice = choose("auto", "cuda:1")
    assert (choice.backend, str(choice.device)) == ("torch", "cuda:1")
    assert "TensorRT: tensorrt does not load: no such file" in choice.why
    assert "TensorRT-RTX: it has no code for sm90" in choice.why
    with pytest.raises(EngineError, match="it has no code for sm90"):
        choose("tensorrt_rtx")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_runs_the_quickest_library_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt_engines.choice, "targets_of", lambda *_: ("sm90",))
    assert choose("auto").backend == "tensorrt"
    assert str(choose_device("auto")) == "cuda:0"
    assert choose("onnxruntime").device.type == "cpu"
    with pytest.raises(EngineError, match="run on the CPU alone"):
        choose("onnxruntime", "cuda:0")
