"""Which backend runs the networks, on which device, and why."""

from dataclasses import dataclass
from typing import Literal

import torch

from models.errors import EngineError
from trt_engines.backends.onnx_session import cuda_obstacle
from trt_engines.backends.tensorrt_library import own_target, targets_of
from trt_engines.precision import Precision

Backend = Literal["torch", "onnxruntime", "tensorrt", "tensorrt_rtx"]
Wish = Literal["auto", "torch", "onnxruntime", "tensorrt", "tensorrt_rtx"]
ON_GPUS: Precision = "float16"  # in which the packaged models were found to be as good
TypeWish = Literal["auto", "float32", "bfloat16", "float16"]

ON_GPU: tuple[Backend, ...] = ("tensorrt", "tensorrt_rtx", "onnxruntime")  # the quickest first

NAMES: dict[Backend, str] = {
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "tensorrt": "TensorRT",
    "tensorrt_rtx": "TensorRT-RTX",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A backend on a device, and a clause that says why it was chosen.

    `precision` is that of the networks; see `trt_engines.precision` for those that differ.
    """

    backend: Backend
    device: torch.device
    why: str
    precision: Precision = "float32"

    @property
    def fixed_caches(self) -> bool:
        """Whether caches have a size that is fixed when the engine is made."""
        return self.backend in ("tensorrt", "tensorrt_rtx")

    def __str__(self) -> str:
        return f"{NAMES[self.backend]} on {self.device}, {self.precision}: {self.why}"


def choose_device(wish: str) -> torch.device:
    """Return the device that `wish` names: auto, cpu or cuda:N.

    Raises:
        EngineError: this machine has no such device.
    """
    if wish == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(wish)
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise EngineError(f"there is no {wish}: PyTorch finds {torch.cuda.device_count()} GPUs")
    return device


def choose(wish: Wish, device_wish: str = "auto", type_wish: TypeWish = "auto") -> Choice:
    """Return the backend that `wish` names, or the best one that runs on the device.

    Raises:
        EngineError: the named backend does not run there, or not with numbers of this type.
    """
    device = choose_device(device_wish)
    if wish == "auto":
        backend, why = _best(device)
    else:
        backend, device, why = _named(wish, device, anywhere=device_wish == "auto")
    if (backend, device.type, type_wish) == ("onnxruntime", "cpu", "bfloat16"):
        raise EngineError(
            "ONNX Runtime has no bfloat16 on a CPU: choose another EYELINE_DTYPE, or the "
            "EYELINE_BACKEND torch"
        )
    precision = _precision(backend, device) if type_wish == "auto" else type_wish
    return Choice(backend=backend, device=device, why=why, precision=precision)


def _named(
    wish: Backend, device: torch.device, *, anywhere: bool
) -> tuple[Backend, torch.device, str]:
    """Return the backend `wish` on `device`; ONNX Runtime may be on the CPU if `anywhere`."""
    why, problem = "the setting EYELINE_BACKEND", obstacle(wish, device)
    if problem is None:
        return wish, device, why
    if wish == "onnxruntime" and anywhere:
        return wish, torch.device("cpu"), f"{why}; on {device}, {problem}"
    raise EngineError(f"{NAMES[wish]} cannot run the networks on {device}: {problem}")


def _best(device: torch.device) -> tuple[Backend, str]:
    if device.type == "cpu":
        return "onnxruntime", "the quickest on a CPU"
    problems: list[str] = []
    for backend in ON_GPU:
        problem = obstacle(backend, device)
        if problem is None:
            others = f" that runs here ({'; '.join(problems)})" if problems else ""
            return backend, f"the quickest on a GPU{others}"
        problems.append(f"{NAMES[backend]}: {problem}")
    return "torch", f"nothing else runs here ({'; '.join(problems)})"


def _precision(backend: Backend, device: torch.device) -> Precision:
    """Return the quickest precision in which the packaged models are as good."""
    if device.type == "cuda":
        return ON_GPUS
    return "int8" if backend == "onnxruntime" else "float32"


def obstacle(backend: Backend, device: torch.device) -> str | None:
    """Return why a backend does not run on a device, or None if it does."""
    if backend == "torch":
        return None
    if backend == "onnxruntime":
        return None if device.type == "cpu" else cuda_obstacle(device)
    if device.type != "cuda":
        return "it needs a GPU"
    try:
        known = targets_of(backend, device)
    except EngineError as error:
        return str(error)
    own = own_target(device)
    return None if own in known else f"it has no code for {own}"
