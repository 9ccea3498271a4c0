"""A network of PyTorch as a CUDA graph."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from models.engine import EngineState, ExportableNetwork

WARM_UP = 3  # runs before the capture, in which PyTorch chooses and loads its kernels


def captured_in_torch(
    network: ExportableNetwork, inputs: Mapping[str, Tensor], state: EngineState
) -> Callable[[], dict[str, Tensor]]:
    """Capture a run, and return what replays it with the same buffers.

    Raises:
        RuntimeError: it waits for the GPU, or allocates memory of the CPU, in the middle.
    """
    spec, device = network.spec, network.device
    given = [inputs[each.name].to(device) for each in spec.inputs]
    caches = [state.buffers[each.name] for each in spec.state]
    before = [cache.clone() for cache in caches]
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # has no annotations
    stream.wait_stream(torch.cuda.current_stream(device))
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.device(device):
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                network(*given, *caches)
        torch.cuda.current_stream(device).wait_stream(stream)
        with torch.cuda.graph(graph):
            made = network(*given, *caches)
    for cache, old in zip(caches, before, strict=True):
        cache.copy_(old)
    tensors = (made,) if isinstance(made, Tensor) else made
    named = {each.name: tensor for each, tensor in zip(spec.outputs, tensors, strict=False)}

    def replay() -> dict[str, Tensor]:
        graph.replay()
        return named

    return replay
