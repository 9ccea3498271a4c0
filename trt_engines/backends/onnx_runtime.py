"""Runs exported networks in ONNX Runtime, without copies of inputs, outputs and caches."""

import weakref
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from models.engine import NEXT, EngineSpec, EngineState, zero_state
from models.errors import EngineError

AS_REQUESTED = 1  # kSameAsRequested of ONNX Runtime's arena

NUMPY_TYPES: dict[torch.dtype, Any] = {
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.int64: np.int64,
    torch.int32: np.int32,
    torch.uint8: np.uint8,
    torch.bool: np.bool_,
}


FLOAT32, INT8 = "1", "4"  # accuracy levels of products with weights in 4 bits


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """Let all networks of this process take their intermediate values from one arena.

    Otherwise each keeps the memory of its longest input. It grows by what is asked for.
    """
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    rules = onnxruntime.OrtArenaCfg({"arena_extend_strategy": AS_REQUESTED})
    onnxruntime.create_and_register_allocator(place, rules)


class OrtEngine:
    """An exported network on the CPU.

    A run uses the calling thread, and `threads` - 1 others of its own.
    """

    backend = "onnxruntime"

    def __init__(
        self, spec: EngineSpec, path: Path, *, threads: int = 1, exact: bool = False
    ) -> None:
        """Load the file at `path`.

        What is multiplied by weights in 4 bits is rounded to 8 bits, in blocks, if not `exact`.

        Raises:
            EngineError: the file cannot be loaded.
        """
        self.spec = spec
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        level = FLOAT32 if exact else INT8
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", level)
        options.add_session_config_entry("session.use_env_allocators", "1")
        _share_arena()
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no common class
            raise EngineError(f"{spec.name}: ONNX Runtime cannot load {path}: {error}") from error
        self._bindings: weakref.WeakKeyDictionary[EngineState, Any] = weakref.WeakKeyDictionary()

    def new_state(self, **dimensions: int) -> EngineState:
        return zero_state(self.spec, "cpu", dimensions)

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        buffers = state.buffers if state is not None else {}
        dimensions = self.spec.dimensions({**inputs, **buffers})
        binding = self._binding(state)
        held = []  # until the run is over
        for each in self.spec.inputs:
            tensor = inputs[each.name].contiguous()
            held.append(tensor)
            _bind(binding.bind_input, each.name, tensor)
        outputs = {}
        for each in self.spec.outputs:
            outputs[each.name] = torch.empty(each.size(dimensions), dtype=each.dtype)
            _bind(binding.bind_output, each.name, outputs[each.name])
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # its errors have no common class
            raise EngineError(f"{self.spec.name} failed in ONNX Runtime: {error}") from error
        return outputs

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


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    bind(name, "cpu", 0, NUMPY_TYPES[tensor.dtype], tuple(tensor.shape), tensor.data_ptr())
