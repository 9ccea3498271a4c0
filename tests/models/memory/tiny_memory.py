"""Tiny decoders with random weights, and streams of random frames for them."""

import torch

from models.language.decoder import Decoder, DecoderConfig
from models.language.kv_cache import KvCache
from models.memory.prefill import Frame
from models.memory.rekv import Rekv
from models.memory.retrieved_context import RetrievedContext

TINY = DecoderConfig(
    vocabulary=61,
    width=32,
    layers=3,
    heads=4,
    key_heads=2,
    head_width=8,
    inner_width=48,
    theta=10_000.0,
    biased=True,
)
OPENING = torch.tensor([3, 17, 5, 40])
QUESTION = torch.tensor([7, 22, 9])
TOKENS = 6  # in a frame


def decoder(
    config: DecoderConfig = TINY, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Decoder:
    """Return a decoder whose weights are large enough that attention is far from even."""
    rng = torch.Generator().manual_seed(seed)
    model = Decoder(config)
    for name, weight in model.named_parameters():
        scale = 0.1 if name.endswith(("bias", "norm.weight")) else 1.5 * weight.shape[-1] ** -0.5
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) * scale
        if name.endswith("norm.weight"):
            weight.data += 1.0
    return model.to(dtype).eval().requires_grad_(False)


def frames(
    count: int,
    *,
    tokens: int = TOKENS,
    width: int = TINY.width,
    seed: int = 1,
    first: int = 0,
    dtype: torch.dtype = torch.float32,
) -> list[Frame]:
    """Return frames of a second each from `first` on; a frame depends on its time and the seed."""
    made = []
    for second in range(first, first + count):
        rng = torch.Generator().manual_seed(seed * 10_000 + second)
        x = torch.randn(tokens, width, generator=rng, dtype=torch.float64)
        made.append(Frame(x.to(dtype), float(second), float(second + 1)))
    return made


def dense(rekv: Rekv) -> Decoder:
    """Return the decoder of `rekv`, which runs layer by layer."""
    assert isinstance(rekv.decoder, Decoder)
    return rekv.decoder


def kv_caches(retrieved: RetrievedContext) -> list[KvCache]:
    """Return the caches of the layers."""
    return [cache for cache in retrieved.caches if isinstance(cache, KvCache)]
