"""Runs exported networks in ONNX Runtime, without copies of inputs, outputs and caches.

On a GPU the caches stay there; inputs that are elsewhere are copied, and outputs go back to where
the inputs are.

For a CPU, ONNX Runtime rearranges weights for the products of the processor. `pack` stores them
like that, so that they are mapped from the file: they are read as they are used, and are no memory
of the process that the system could not take back.
"""

import contextlib
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto
from torch import Tensor

from models.engine import NEXT, EngineSpec, EngineState, zero_state
from models.errors import EngineError
from trt_engines.backends.onnx_session import open_session

ELEMENT_TYPES: dict[torch.dtype, Any] = {
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: TensorProto.BFLOAT16,
    torch.int64: np.int64,
    torch.int32: np.int32,
    torch.uint8: np.uint8,
    torch.bool: np.bool_,
}


FLOAT32, INT8 = "1", "4"  # accuracy levels of products with weights in 4 bits
MIN_EXTERNAL = 1 << 10  # bytes of a constant outside the file


class OrtEngine:
    """An exported network on the CPU or on one GPU.

    On the CPU, a run uses the calling thread, and `threads` - 1 others of its own. On a GPU, runs
    of several threads take turns.
    """

    backend = "onnxruntime"

    def __init__(
        self,
        spec: EngineSpec,
        path: Path,
        *,
        threads: int = 1,
        exact: bool = False,
        device: torch.device | None = None,
    ) -> None:
        """Load the file at `path`, for the CPU if no `device` is given.

        What is multiplied by weights in 4 bits is rounded to 8 bits, in blocks, if not `exact`.

        Raises:
            EngineError: the file cannot be loaded, or a GPU would not run all of it.
        """
        self.spec = spec
        self.device = device or torch.device("cpu")
        self._turns = _Turns(self.device) if self.device.type == "cuda" else None
        stream = self._turns.stream.cuda_stream if self._turns else 0
        options = session_options(threads, exact=exact)
        try:
            self._session = open_session(path, self.device, options=options, stream=stream)
        except EngineError as error:
            raise EngineError(f"{spec.name}: {path}: {error}") from error
        self._bindings: weakref.WeakKeyDictionary[EngineState, Any] = weakref.WeakKeyDictionary()

    def new_state(self, **dimensions: int) -> EngineState:
        return zero_state(self.spec, self.device, dimensions)

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        buffers = state.buffers if state is not None else {}
        dimensions = self.spec.dimensions({**inputs, **buffers})
        home = inputs[self.spec.inputs[0].name].device if self.spec.inputs else self.device
        with self._turn():
            binding = self._binding(state)
            held = []  # until the run is over
            for each in self.spec.inputs:
                tensor = inputs[each.name].to(self.device).contiguous()
                held.append(tensor)
                _bind(binding.bind_input, each.name, tensor)
            outputs = {}
            for each in self.spec.outputs:
                size = each.size(dimensions)
                outputs[each.name] = torch.empty(size, dtype=each.dtype, device=self.device)
                _bind(binding.bind_output, each.name, outputs[each.name])
            self._run(binding)
        return {name: tensor.to(home) for name, tensor in outputs.items()}

    def _turn(self) -> contextlib.AbstractContextManager[None]:
        return self._turns.take() if self._turns else contextlib.nullcontext()

    def _run(self, binding: Any) -> None:
        if self._turns is not None:
            self._turns.wait_for_inputs()
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # its errors have no common class
            raise EngineError(f"{self.spec.name} failed in ONNX Runtime: {error}") from error

    def _binding(self, state: EngineState | None) -> Any:  # onnxruntime has no annotations
        """Return a binding of the caches of `state`, made once for each state."""
        if state is None:
            return self._session.io_binding()
        binding = self._bindings.get(state)
        if binding is None:
            binding = self._session.io_binding()
            for each in self.spec.state:
                _bind(binding.bind_input, each.name, state.buffers[each.name])
                _bind(binding.bind_output, each.name + NEXT, state.buffers[each.name])
            self._bindings[state] = binding
        return binding


class _Turns:
    """Lets one thread at a time use the CUDA stream of a session.

    A run ends when its work on the GPU is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._lock = threading.Lock()
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # has no annotations

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        with self._lock, torch.cuda.device(self._device):
            yield

    def wait_for_inputs(self) -> None:
        """Let the session's stream wait for what PyTorch has been asked to compute."""
        self.stream.wait_stream(torch.cuda.current_stream(self._device))


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    device = tensor.device
    kind, shape = ELEMENT_TYPES[tensor.dtype], tuple(tensor.shape)
    bind(name, device.type, device.index or 0, kind, shape, tensor.data_ptr())


def pack(file: Path) -> None:
    """Replace an exported network by its optimized graph, with its weights as products take them.

    What the processor decides about the graph itself is left to the load. Another processor packs
    the weights again as it loads, which takes memory.

    Raises:
        EngineError: ONNX Runtime cannot load or write it.
    """
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        packed = Path(name) / file.name
        weights = f"{file.name}.data"
        options = session_options(1)
        options.optimized_model_filepath = str(packed)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        for key, value in {
            "session.optimized_model_external_initializers_file_name": weights,
            "session.optimized_model_external_initializers_min_size_in_bytes": str(MIN_EXTERNAL),
            "session.save_external_prepacked_constant_initializers": "1",
        }.items():
            options.add_session_config_entry(key, value)
        open_session(file, torch.device("cpu"), options=options)
        for each in (weights, file.name):
            made = Path(name) / each
            if made.exists():  # a network may have no weights of that size
                made.replace(file.with_name(each))


def session_options(threads: int, *, exact: bool = False) -> Any:  # it has no annotations
    """Return the options of a session of `threads`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    level = FLOAT32 if exact else INT8
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", level)
    return options
