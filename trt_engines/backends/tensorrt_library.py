"""TensorRT and TensorRT-RTX: two packages with nearly the same interface.

TensorRT compiles for the GPU of the machine. TensorRT-RTX compiles for any of its targets, on a
machine without a GPU too. Only networks of their own files are loaded: an engine is a program.
"""

import importlib
import logging
from functools import lru_cache
from typing import Any, Literal

import torch

from models.errors import EngineError

logger = logging.getLogger(__name__)

Library = Literal["tensorrt", "tensorrt_rtx"]
LIBRARIES: tuple[Library, ...] = ("tensorrt", "tensorrt_rtx")  # the quicker one first


@lru_cache
def load_library(name: Library) -> Any:  # its modules have no annotations
    """Return the module of a library.

    Raises:
        EngineError: it is not installed, or does not load.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:  # a missing library is an error of any kind
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise EngineError(f"{name} does not load: {first}") from error


@lru_cache
def library_logger(name: Library) -> Any:
    """Return a logger of the library that writes to this program's log."""
    trt = load_library(name)
    severity = trt.ILogger.Severity

    class LibraryLog(trt.ILogger):  # type: ignore[misc, name-defined]  # of a module without annotations
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, level: Any, message: str) -> None:
            if level in (severity.INTERNAL_ERROR, severity.ERROR):
                logger.error("%s", message)
            elif level == severity.WARNING:
                logger.debug("%s", message)

    return LibraryLog()


def targets_of(name: Library, device: torch.device | None = None) -> tuple[str, ...]:
    """Return the GPU architectures that a library can compile for here: sm89 and so on.

    TensorRT compiles for the GPU `device` alone.

    Raises:
        EngineError: the library does not load.
    """
    trt = load_library(name)
    if name == "tensorrt":
        return () if (own := own_target(device)) is None else (own,)
    members = trt.ComputeCapability.__members__
    return tuple(each.lower() for each in members if each.startswith("SM"))


def check_target(name: Library, target: str) -> None:
    """Check that a library can compile for the GPU architecture `target` here.

    Raises:
        EngineError: it cannot, or does not load.
    """
    known = targets_of(name)
    if target not in known:
        raise EngineError(
            f"{name} cannot compile for {target} here: {', '.join(known) or 'there is no GPU'}"
        )


def own_target(device: torch.device | None = None) -> str | None:
    """Return the architecture of the GPU `device`, or of the first one; None without one."""
    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm{major}{minor}"


def torch_type(trt: Any, kind: Any) -> torch.dtype | None:
    """Return a type of the library as one of PyTorch."""
    types = trt.DataType
    return {
        types.FLOAT: torch.float32,
        types.HALF: torch.float16,
        types.BF16: torch.bfloat16,
        types.INT64: torch.int64,
        types.INT32: torch.int32,
        types.UINT8: torch.uint8,
        types.INT8: torch.int8,
        types.BOOL: torch.bool,
    }.get(kind)
