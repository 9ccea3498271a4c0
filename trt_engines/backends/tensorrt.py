"""Runs compiled networks on a GPU with TensorRT or TensorRT-RTX.

Inputs may be on the CPU: they are copied, and the outputs go back to where the inputs are.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.engine import NEXT, EngineSpec, EngineState, TensorSpec, zero_state
from models.errors import EngineError
from trt_engines.backends.tensorrt_library import (
    Library,
    library_logger,
    load_library,
    torch_type,
)


class TensorRtEngine:
    """A compiled network on one GPU. Runs of several threads take turns."""

    def __init__(
        self, spec: EngineSpec, path: Path, *, library: Library, device: torch.device
    ) -> None:
        """Load the file at `path`.

        Raises:
            EngineError: it is not valid here, or has other tensors than `spec`.
        """
        self.spec = spec
        self.backend = library
        self.device = device
        trt = load_library(library)
        if device.type != "cuda" or not torch.cuda.is_available():
            raise EngineError(f"{spec.name}: {library} needs a CUDA GPU to run an engine")
        with torch.cuda.device(device):
            self._runtime = trt.Runtime(library_logger(library))
            self._engine = _deserialize(trt, self._runtime, spec, path)
            check_engine(trt, self._engine, spec)
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # has no annotations
            self._contexts = [
                self._context(number) for number in range(self._engine.num_optimization_profiles)
            ]
        self._lock = threading.Lock()

    def _context(self, profile: int) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            raise EngineError(f"{self.spec.name}: not enough GPU memory for a context")
        if not context.set_optimization_profile_async(profile, self._stream.cuda_stream):
            raise EngineError(f"{self.spec.name}: profile {profile} cannot be set")
        return context

    def new_state(self, **dimensions: int) -> EngineState:
        return zero_state(self.spec, self.device, dimensions)

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        buffers = dict(state.buffers) if state is not None else {}
        dimensions = self.spec.dimensions({**inputs, **buffers})
        home = inputs[self.spec.inputs[0].name].device if self.spec.inputs else self.device
        given = {
            each.name: inputs[each.name].to(self.device).contiguous() for each in self.spec.inputs
        }
        made = {
            each.name: torch.empty(each.size(dimensions), dtype=each.dtype, device=self.device)
            for each in self.spec.outputs
        }
        bound = {**given, **buffers, **made, **{f"{k}{NEXT}": v for k, v in buffers.items()}}
        with self._lock, torch.cuda.device(self.device):
            context = self._bound(dimensions, [*given, *buffers], bound)
            current = torch.cuda.current_stream(self.device)
            self._stream.wait_stream(current)
            self._checked(context.execute_async_v3(self._stream.cuda_stream), "the run")
            current.wait_stream(self._stream)
        return {name: tensor.to(home) for name, tensor in made.items()}

    def captured(
        self, inputs: Mapping[str, Tensor], state: EngineState
    ) -> Callable[[], dict[str, Tensor]]:
        """Capture a run as a CUDA graph, and return what replays it with the same buffers.

        Nothing else may run this engine while the graph is in use: its context is the graph's.
        """
        given = {name: tensor.to(self.device).contiguous() for name, tensor in inputs.items()}
        dimensions = self.spec.dimensions({**given, **state.buffers})
        made = {
            each.name: torch.empty(each.size(dimensions), dtype=each.dtype, device=self.device)
            for each in self.spec.outputs
        }
        updated = {f"{name}{NEXT}": buffer for name, buffer in state.buffers.items()}
        bound = {**given, **state.buffers, **made, **updated}
        graph = torch.cuda.CUDAGraph()
        with self._lock, torch.cuda.device(self.device):
            context = self._bound(dimensions, [*given, *state.buffers], bound)
            self._stream.wait_stream(torch.cuda.current_stream(self.device))
            self._checked(context.execute_async_v3(self._stream.cuda_stream), "the run")
            self._stream.synchronize()  # kernels that are compiled late are not captured
            with torch.cuda.graph(graph, stream=self._stream):
                self._checked(context.execute_async_v3(self._stream.cuda_stream), "the capture")

        def replay() -> dict[str, Tensor]:
            graph.replay()
            return made

        return replay

    def _bound(
        self, dimensions: Mapping[str, int], inputs: list[str], bound: Mapping[str, Tensor]
    ) -> Any:
        """Return the context for a run, with its shapes and addresses set."""
        context = self._contexts[self.profile(dimensions)]
        for name in inputs:
            self._checked(context.set_input_shape(name, tuple(bound[name].shape)), name)
        for name, tensor in bound.items():
            self._checked(context.set_tensor_address(name, tensor.data_ptr()), name)
        return context

    def profile(self, dimensions: Mapping[str, int]) -> int:
        """Return the number of the first profile that a run of these lengths fits.

        Raises:
            EngineError: none does.
        """
        for number, profile in enumerate(self.spec.profiles or ({},)):
            if all(
                limits.minimum <= dimensions.get(name, limits.minimum) <= limits.maximum
                for name, limits in profile.items()
            ):
                return number
        raise EngineError(f"{self.spec.name}: no profile has room for {dict(dimensions)}")

    def _checked(self, done: bool, what: str) -> None:
        if not done:
            raise EngineError(f"{self.spec.name}: {self.backend} refused {what}")


def _deserialize(trt: Any, runtime: Any, spec: EngineSpec, path: Path) -> Any:
    content = path.read_bytes()
    if hasattr(runtime, "get_engine_validity"):  # TensorRT-RTX
        validity, diagnostics = runtime.get_engine_validity(content)
        if validity == trt.EngineValidity.INVALID:
            raise EngineError(f"{spec.name}: {path.name} is not valid here ({diagnostics})")
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise EngineError(f"{spec.name}: {path.name} cannot be loaded on this GPU")
    return engine


def check_engine(trt: Any, engine: Any, spec: EngineSpec) -> None:
    """Compare names, types, shapes, profiles and aliases of a loaded engine with `spec`.

    Raises:
        EngineError: one differs.
    """
    state = [TensorSpec(each.name + NEXT, each.dtype, each.shape) for each in spec.state]
    wanted = {each.name: each for each in (*spec.inputs, *spec.state, *spec.outputs, *state)}
    found = {engine.get_tensor_name(each) for each in range(engine.num_io_tensors)}
    if found != wanted.keys():
        raise EngineError(f"{spec.name}: the engine has {sorted(found)}, not {sorted(wanted)}")
    for name, each in wanted.items():
        shape = tuple(part if isinstance(part, int) else -1 for part in each.shape)
        kind = torch_type(trt, engine.get_tensor_dtype(name))
        if kind != each.dtype or tuple(engine.get_tensor_shape(name)) != shape:
            raise EngineError(f"{spec.name}: {name} has another type or shape in the engine")
    for each in spec.state:
        if engine.get_aliased_input_tensor(each.name + NEXT) != each.name:
            raise EngineError(f"{spec.name}: {each.name} is not updated in place")
    _check_profiles(engine, spec)


def _check_profiles(engine: Any, spec: EngineSpec) -> None:
    if engine.num_optimization_profiles != max(1, len(spec.profiles)):
        raise EngineError(f"{spec.name}: the engine has another number of profiles")
    for number, profile in enumerate(spec.profiles):
        for each in (*spec.inputs, *spec.state):
            wanted = [
                each.size({name: getattr(limits, kind) for name, limits in profile.items()})
                for kind in ("minimum", "optimum", "maximum")
            ]
            found = engine.get_tensor_profile_shape(each.name, number)
            if [tuple(size) for size in found] != wanted:
                raise EngineError(f"{spec.name}: profile {number} of {each.name} differs")
