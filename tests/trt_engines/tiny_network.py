"""A network of one attention over a cache, small enough to export in each test run."""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.engine import (
    DimensionRange,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    update_cache,
)

SLOTS, WIDTH, HEAD = 32, 64, 16


class TinyAttention(ExportableNetwork):
    """Grouped-query attention of `x` over a cache of 32 slots."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH // 2)
        self.value = nn.Linear(WIDTH, WIDTH // 2)
        cache = ("batch", 2, SLOTS, HEAD)
        self.spec = EngineSpec(
            name="tiny-attention",
            inputs=(
                TensorSpec("x", torch.float32, ("batch", "count", WIDTH)),
                TensorSpec("start", torch.int64, ("batch",)),
                TensorSpec("mask", torch.bool, ("batch", 1, "count", SLOTS)),
            ),
            outputs=(TensorSpec("y", torch.float32, ("batch", "count", WIDTH)),),
            state=(
                TensorSpec("keys", torch.float32, cache),
                TensorSpec("values", torch.float32, cache),
            ),
            profiles=({"batch": DimensionRange(1, 2, 8), "count": DimensionRange(1, 4, 16)},),
        )

    def forward(
        self, x: Tensor, start: Tensor, mask: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (
            part(x).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        keys = update_cache(keys, key, start)
        values = update_cache(values, value, start)
        mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, enable_gqa=True)
        return x + mixed.transpose(1, 2).flatten(2), keys, values
