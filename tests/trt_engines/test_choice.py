"""The backend that is chosen, and what is said of the others."""

import pytest
import torch

import trt_engines.choice
from models.errors import EngineError
from trt_engines.choice import TypeWish, choose, choose_device


def test_a_cpu_runs_onnx_runtime() -> None:
    choice = choose("auto", "cpu")
    assert (choice.backend, choice.device.type) == ("onnxruntime", "cpu")
    assert str(choice) == "ONNX Runtime on cpu, int8: the quickest on a CPU"
    assert choose("torch", "cpu").why == "the setting EYELINE_BACKEND"


def test_a_backend_that_does_not_run_is_an_error_and_not_replaced() -> None:
    with pytest.raises(
        EngineError, match="TensorRT cannot run the networks on cpu: it needs a GPU"
    ):
        choose("tensorrt", "cpu")
    with pytest.raises(EngineError, match="there is no cuda:99"):
        choose_device("cuda:99")


@pytest.mark.parametrize("wish", ["float32", "float16"])
def test_a_type_that_the_setting_names_is_that_of_all_networks(wish: TypeWish) -> None:
    assert choose("auto", "cpu", wish).precision == wish
    assert choose("torch", "cpu").precision == "float32"
    assert choose("torch", "cpu", "bfloat16").precision == "bfloat16"
    with pytest.raises(EngineError, match="no bfloat16 on a CPU"):
        choose("auto", "cpu", "bfloat16")


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
    monkeypatch.setattr(trt_engines.choice, "cuda_obstacle", lambda _: "it does not load")
    choice = choose("auto", "cuda:1")
    assert (choice.backend, str(choice.device)) == ("torch", "cuda:1")
    assert choice.precision == "float16"
    assert "TensorRT: tensorrt does not load: no such file" in choice.why
    assert "TensorRT-RTX: it has no code for sm90" in choice.why
    assert "ONNX Runtime: it does not load" in choice.why
    with pytest.raises(EngineError, match="it has no code for sm90"):
        choose("tensorrt_rtx")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_runs_the_quickest_library_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt_engines.choice, "targets_of", lambda *_: ("sm90",))
    assert choose("auto").backend == "tensorrt"
    assert choose("auto", type_wish="float32").precision == "float32"
    assert str(choose_device("auto")) == "cuda:0"


@pytest.mark.usefixtures("gpu")
def test_onnx_runtime_runs_on_a_gpu_if_its_package_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt_engines.choice, "targets_of", lambda *_: ("sm89",))
    monkeypatch.setattr(trt_engines.choice, "cuda_obstacle", lambda _: None)
    choice = choose("auto")
    assert (choice.backend, str(choice.device)) == ("onnxruntime", "cuda:0")
    assert "TensorRT: it has no code for sm90" in choice.why
    assert choose("onnxruntime").device.type == "cuda"
    monkeypatch.setattr(trt_engines.choice, "cuda_obstacle", lambda _: "it does not load")
    choice = choose("onnxruntime")
    assert (choice.device.type, choice.precision) == ("cpu", "int8")
    assert choice.why == "the setting EYELINE_BACKEND; on cuda:0, it does not load"
    with pytest.raises(EngineError, match="on cuda:0: it does not load"):
        choose("onnxruntime", "cuda:0")
