"""Sessions of ONNX Runtime, on the CPU or on a CUDA GPU.

ONNX Runtime leaves what its CUDA provider does not load or has no code for to the CPU, without an
error. Here both are errors.
"""

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from onnx import TensorProto, helper

from models.engine import NEXT, OPSET
from models.errors import EngineError

AS_REQUESTED = 1  # kSameAsRequested of ONNX Runtime's arena
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
RECORD = "session.record_ep_graph_assignment_info"  # for `left_to`
HEAVY = frozenset(  # operators that a GPU must run; others compute shapes, or are cheap
    {
        "Attention",
        "Conv",
        "Gemm",
        "LayerNormalization",
        "MatMul",
        "MatMulNBits",
        "RMSNormalization",
        "RotaryEmbedding",
        "Softmax",
        "TensorScatter",
    }
)


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


def open_session(
    network: Path | bytes,
    device: torch.device,
    *,
    options: Any = None,  # onnxruntime has no annotations
    stream: int = 0,
) -> Any:
    """Return a session of a file, or of its content; on a GPU it runs in the CUDA `stream`.

    Raises:
        EngineError: it cannot be loaded, or a GPU would not run all of it.
    """
    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.use_env_allocators", "1")
    if device.type == "cuda":
        options.add_session_config_entry(RECORD, "1")
    _share_arena()
    given = str(network) if isinstance(network, Path) else network
    try:
        session = onnxruntime.InferenceSession(given, options, providers=providers(device, stream))
        session.disable_fallback()
    except Exception as error:  # its errors have no common class
        raise EngineError(f"ONNX Runtime cannot load it: {error}") from error
    if device.type == "cuda":
        if CUDA not in session.get_providers():
            raise EngineError("its CUDA provider does not load: CUDA or cuDNN may be missing")
        if left := left_to(CPU, session):
            raise EngineError(f"its CUDA provider has no code for {left}")
    return session


def providers(device: torch.device, stream: int) -> list[Any]:
    """Return the providers of a session, the one that runs it first."""
    if device.type != "cuda":
        return [CPU]
    options = {"device_id": str(device.index or 0), "arena_extend_strategy": "kSameAsRequested"}
    if stream:
        options["user_compute_stream"] = str(stream)
    return [(CUDA, options), CPU]


def left_to(provider: str, session: Any) -> str:
    """Return the heavy operators that `provider` runs, with their numbers; empty if there are none.

    The session was opened with the option RECORD.
    """
    counts = Counter(
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name == provider
        for node in part.get_nodes()
        if node.op_type in HEAVY
    )
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def cuda_obstacle(device: torch.device) -> str | None:
    """Return why ONNX Runtime does not run the networks on a GPU, or None if it does.

    It is asked for a small network that updates a cache and attends to it.
    """
    if CUDA not in onnxruntime.get_available_providers():
        return "its package has no CUDA provider: onnxruntime-gpu has"
    try:
        open_session(_probe(), device)
    except EngineError as error:
        return str(error)
    return None


def _probe() -> bytes:
    """Return a network of 16 bits that updates a cache and attends to it."""
    half, shape = TensorProto.FLOAT16, [1, 1, 8, 16]

    def tensor(name: str, size: list[int], kind: int = half) -> Any:
        return helper.make_tensor_value_info(name, kind, size)

    nodes = [
        helper.make_node("TensorScatter", ["keys", "new", "start"], [f"keys{NEXT}"]),
        helper.make_node("Attention", ["new", f"keys{NEXT}", f"keys{NEXT}"], ["mixed"]),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [
            tensor("keys", shape),
            tensor("new", [1, 1, 1, 16]),
            tensor("start", [1], TensorProto.INT64),
        ],
        [tensor("mixed", [1, 1, 1, 16]), tensor(f"keys{NEXT}", shape)],
    )
    versions = [helper.make_opsetid("", OPSET)]
    content: bytes = helper.make_model(
        graph, opset_imports=versions, ir_version=11
    ).SerializeToString()
    return content
