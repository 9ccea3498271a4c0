"""The models that draw as ONNX Runtime runs them."""

from collections.abc import Sequence

import onnxruntime as ort
import torch
from torch import Tensor, nn

from models.generation.dit import Dit, KeysValues, TextKeysValues


class Call(nn.Module):
    """A call of the transformer with tensors only."""

    def __init__(self, model: Dit) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        noisy: Tensor,
        levels: Tensor,
        keys: Tensor,
        values: Tensor,
        bias: Tensor,
        condition: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        clean, own = self.model(
            noisy,
            levels,
            TextKeysValues(keys, values, bias),
            condition=condition,
            past=KeysValues(past_keys, past_values),
        )
        return clean, own.keys, own.values


def session_of(
    module: nn.Module, feeds: Sequence[Tensor], threads: int = 1
) -> ort.InferenceSession:
    """Return `module` in ONNX Runtime on the processor, for tensors of the shapes of `feeds`."""
    with torch.no_grad():
        program = torch.onnx.export(
            module, tuple(feeds), dynamo=True, optimize=False, verbose=False
        )
    assert program is not None
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors: it warns of every constant that it does not fold
    graph = program.model_proto.SerializeToString()
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
