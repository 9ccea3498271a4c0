"""Sessions of ONNX Runtime, with what a package without a CUDA provider says of a GPU."""

from collections.abc import Sequence

import onnxruntime
import pytest
import torch

from models.errors import EngineError
from trt_engines.backends import onnx_session
from trt_engines.backends.onnx_session import (
    CPU,
    CUDA,
    RECORD,
    _probe,
    cuda_obstacle,
    left_to,
    open_session,
    providers,
)

GPU = torch.device("cuda:1")


def test_a_gpu_is_asked_before_the_cpu() -> None:
    assert providers(torch.device("cpu"), 0) == [CPU]
    (name, options), last = providers(GPU, 77)
    assert (name, last) == (CUDA, CPU)
    assert (options["device_id"], options["user_compute_stream"]) == ("1", "77")


def scripted(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(names))


def test_a_package_without_a_cuda_provider_does_not_run_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, [CPU])
    assert "onnxruntime-gpu" in (cuda_obstacle(GPU) or "")


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_cuda_provider_that_does_not_load_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime would go on with the CPU."""
    scripted(monkeypatch, [CUDA, CPU])
    assert "does not load" in (cuda_obstacle(GPU) or "")


def test_what_a_gpu_leaves_to_the_cpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(RECORD, "1")
    session = open_session(_probe(), torch.device("cpu"), options=options)
    assert left_to(CPU, session) == "1 Attention, 1 TensorScatter"
    assert left_to(CUDA, session) == ""
    # The CPU in the place of a GPU: it has loaded, and has left work to the CPU.
    monkeypatch.setattr(onnx_session, "CUDA", CPU)
    monkeypatch.setattr(onnx_session, "providers", lambda *_: [CPU])
    with pytest.raises(EngineError, match="has no code for 1 Attention, 1 TensorScatter"):
        open_session(_probe(), GPU)
