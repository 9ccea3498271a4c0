"""Which backend runs the networks, on which device, and why."""

from dataclasses import dataclass
from typing import Literal

import torch

from models.errors import EngineError
from trt_engines.backends.tensorrt_library import LIBRARIES, own_target, targets_of

Backend = Literal["torch", "onnxruntime", "tensorrt", "tensorrt_rtx"]
Wish = Literal["auto", "torch", "onnxruntime", "tensorrt", "tensorrt_rtx"]

NAMES: dict[Backend, str] = {
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "tensorrt": "TensorRT",
    "tensorrt_rtx": "TensorRT-RTX",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A backend on a device, and a clause that says why it was chosen."""

    backend: Backend
    device: torch.device
    why: str

    @property
    def fixed_caches(self) -> bool:
        """Whether caches have a size that is fixed when the engine is made."""
        return self.backend in ("tensorrt", "tensorrt_rtx")

    def __str__(self) -> str:
        return f"{NAMES[self.backend]} on {self.device}: {self.why}"


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


def choose(wish: Wish, device_wish: str = "auto") -> Choice:
    """Return the backend that `wish` names, or the best one that runs on the device.

    Raises:
        EngineError: the named backend does not run there.
    """
    on_cpu = wish == "onnxruntime" and device_wish == "auto"
    device = choose_device("cpu" if on_cpu else device_wish)
    if wish != "auto":
        problem = obstacle(wish, device)
        if problem is not None:
            raise EngineError(f"{NAMES[wish]} cannot run the networks on {device}: {problem}")
        return Choice(backend=wish, device=device, why="the setting EYELINE_BACKEND")
    if device.type == "cpu":
        return Choice(backend="onnxruntime", device=device, why="the quickest on a CPU")
    problems = {library: obstacle(library, device) for library in LIBRARIES}
    for library, problem in problems.items():
        if problem is None:
            return Choice(backend=library, device=device, why="the quickest on a GPU")
    why = "; ".join(f"{NAMES[library]}: {problem}" for library, problem in problems.items())
    return Choice(backend="torch", device=device, why=f"no compiled engine runs here ({why})")


def obstacle(backend: Backend, device: torch.device) -> str | None:
    """Return why a backend does not run on a device, or None if it does."""
    if backend == "torch":
        return None
    if backend == "onnxruntime":
        return None if device.type == "cpu" else "its networks run on the CPU alone"
    if device.type != "cuda":
        return "it needs a GPU"
    try:
        known = targets_of(backend, device)
    except EngineError as error:
        return str(error)
    own = own_target(device)
    return None if own in known else f"it has no code for {own}"
