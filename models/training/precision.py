"""Matrix products in bfloat16 for training: on a CPU if it has them, and on a GPU.

This is the only place that decides about lower precision on a CPU; models run in float32 there.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode

PRODUCTS = (F.linear, F.conv2d, F.conv3d)


@cache
def fast_dtype() -> torch.dtype:
    """Return the type in which this CPU multiplies matrices fastest, bfloat16 or float32.

    With instructions for bfloat16 (AVX512-BF16 or AMX) a product takes 0.37 of the time of
    float32; without them, on AVX2, 4 times as long.
    """
    if torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2"):
        return torch.float32  # also if ATEN_CPU_CAPABILITY says so
    found = torch.cpu.get_capabilities()
    has_bfloat16 = found.get("avx512_bf16") or found.get("amx_bf16")
    return torch.bfloat16 if has_bfloat16 else torch.float32


def products_on(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a training on `device` computes its loss."""
    if device.type == "cpu":
        return FastProducts()
    # a weight that was first cast without gradients would be cached so, and get none later
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


class FastProducts(TorchFunctionMode):
    """Runs linear layers and convolutions in `dtype`; all else stays in float32."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        """By default `dtype` is `fast_dtype`."""
        super().__init__()
        self.dtype = dtype or fast_dtype()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in PRODUCTS:
            return func(*args, **(kwargs or {}))
        narrowed = (each.to(self.dtype) if isinstance(each, Tensor) else each for each in args)
        return func(*narrowed, **(kwargs or {})).float()
