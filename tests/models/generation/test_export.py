"""The transformer and the decoder leave for another runtime and do the same there."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import Codec
from models.generation.control import MAP_CHANNELS
from tests.models.generation import tiny
from tests.models.generation.exported import Call, session_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the exporter's own
]


class Decode(nn.Module):
    """A call of the decoder with tensors only."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, latents: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        shown, after = self.codec.decode(latents, memory)
        return shown, *after


def elsewhere(module: nn.Module, feeds: Sequence[Tensor]) -> list[np.ndarray]:
    """Return what ONNX Runtime makes of `feeds` with `module`."""
    session = session_of(module, feeds)
    names = [given.name for given in session.get_inputs()]
    made: list[np.ndarray] = session.run(
        None, {name: feed.numpy() for name, feed in zip(names, feeds, strict=True)}
    )
    return made


def test_the_transformer_does_the_same_in_onnx_runtime() -> None:
    model, prompt = tiny.dit(), tiny.words().prompt("a duck on grass")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        text = model.project_text(prompt.features[None], prompt.bias[None])
    past = torch.randn(2, 2, 1, 2, 12, 24, generator=rng)
    noisy = torch.randn(1, 4, 2, 4, 4, generator=rng)
    condition = torch.rand(1, MAX_THINGS * MAP_CHANNELS, 2, 4, 4, generator=rng)
    levels = torch.tensor([[0.5, 1.0]])
    feeds = [noisy, levels, text.keys, text.values, text.bias, condition, past[0], past[1]]
    call = Call(model).eval()
    with torch.no_grad():
        here = call(*feeds)
    for one, two in zip(here, elsewhere(call, feeds), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-5)  # float32, sums in other orders


def test_the_decoder_does_the_same_in_onnx_runtime() -> None:
    codec = tiny.codec()
    rng = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 1, 4, 4, generator=rng)
    with torch.no_grad():
        _, memory = codec.decode(torch.randn(1, 4, 3, 4, 4, generator=rng))
        decode = Decode(codec).eval()
        here = decode(latents, *memory)
    for one, two in zip(here, elsewhere(decode, [latents, *memory]), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-5)  # float32, sums in other orders
