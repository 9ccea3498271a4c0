"""Detects GPUs and runtimes for models on this machine.

A runtime counts only if its library can be loaded: an installed package may lack it.
"""

import ctypes
import importlib
import importlib.util
import json
import runpy
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

SMI_QUERY = "name,memory.total,compute_cap,driver_version"
SMI_TIMEOUT = 10.0  # seconds: nvidia-smi blocks forever if a GPU has fallen off its bus


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; `memory` in bytes, `capability` as 9.0, None if unknown."""

    name: str
    memory: int
    capability: str | None
    driver: str | None


@dataclass(frozen=True, slots=True)
class Runtime:
    """A library that runs models; `version` is None if it is not installed or does not load."""

    name: str
    version: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class DetectedHardware:
    """The GPUs and runtimes of this machine."""

    gpus: tuple[Gpu, ...]
    runtimes: tuple[Runtime, ...]


def detect() -> DetectedHardware:
    """Detect GPUs and runtimes. With a GPU this imports PyTorch, which takes seconds."""
    found = gpus()
    runtimes = (
        _runtime("TensorRT", "tensorrt", _tensorrt_detail),
        _runtime("TensorRT-RTX", "tensorrt_rtx", _tensorrt_detail),
        _runtime("ONNX Runtime", "onnxruntime", _onnxruntime_detail),
        _runtime("PyTorch", "torch", _torch_detail) if found else _torch_without_gpu(),
    )
    return DetectedHardware(found, runtimes)


def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that nvidia-smi lists; none without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={SMI_QUERY}", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(
            command, capture_output=True, text=True, timeout=SMI_TIMEOUT, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(gpu for line in output.splitlines() if (gpu := _parse_gpu(line)))


def _parse_gpu(line: str) -> Gpu | None:
    """Parse a line of nvidia-smi; return None if it does not describe a GPU."""
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(SMI_QUERY.split(",")) or not fields[1].isdigit():
        return None
    name, mebibytes, capability, driver = fields
    known = capability if capability.replace(".", "").isdigit() else None
    return Gpu(name, int(mebibytes) * 2**20, known, driver or None)


def _runtime(name: str, module: str, detail: Callable[[ModuleType], str]) -> Runtime:
    if importlib.util.find_spec(module) is None:
        return Runtime(name, None, "not installed")
    try:
        loaded = importlib.import_module(module)
        return Runtime(name, str(loaded.__version__), detail(loaded))
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        return Runtime(name, None, f"installed, but does not load: {_first_line(error)}")


def _torch_without_gpu() -> Runtime:
    """Describe PyTorch without importing it: without a GPU, its build says all that it can do."""
    place = importlib.util.find_spec("torch")
    if place is None or place.origin is None:
        return Runtime("PyTorch", None, "not installed")
    home = Path(place.origin).parent
    try:
        build = runpy.run_path(str(home / "version.py"))
        for library in (home / "lib").glob("libtorch_cpu.*"):
            ctypes.CDLL(str(library))
        return Runtime("PyTorch", str(build["__version__"]), _build_detail(build["cuda"]))
    except (OSError, KeyError) as error:
        return Runtime("PyTorch", None, f"installed, but does not load: {_first_line(error)}")


def _build_detail(cuda: str | None) -> str:
    return "CPU only" if cuda is None else f"CUDA {cuda}, no GPU"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _tensorrt_detail(_module: ModuleType) -> str:
    return "needs a GPU to run engines; TensorRT-RTX builds them without one"


def _onnxruntime_detail(module: ModuleType) -> str:
    return "providers: " + ", ".join(module.get_available_providers())


def _torch_detail(module: ModuleType) -> str:
    if not module.cuda.is_available():
        return _build_detail(module.version.cuda)
    capability = ".".join(str(part) for part in module.cuda.get_device_capability())
    return f"CUDA {module.version.cuda}, {module.cuda.get_device_name()}, SM {capability}"


def as_json(found: DetectedHardware) -> str:
    """Return `found` as an indented JSON object."""
    return json.dumps(asdict(found), indent=2) + "\n"


def as_text(found: DetectedHardware) -> str:
    lines = [
        f"GPU           {gpu.name}, {gpu.memory / 2**30:.0f} GiB, SM {gpu.capability or 'unknown'},"
        f" driver {gpu.driver or 'unknown'}"
        for gpu in found.gpus
    ] or ["GPU           none: models run on the CPU"]
    lines += [
        f"{runtime.name:<13} {runtime.version or '-':<12} {runtime.detail}"
        for runtime in found.runtimes
    ]
    return "\n".join(lines) + "\n"
