"""Products in half precision, for training on a processor."""

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode

PRODUCTS = (F.linear, F.conv2d, F.conv3d)


class Bfloat16Products(TorchFunctionMode):
    """Products of layers in bfloat16, all else as it is: weights, sums, attention.

    Where the processor has bfloat16, a product takes a third of the time.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in PRODUCTS:
            return func(*args, **(kwargs or {}))
        halved = (each.bfloat16() if isinstance(each, Tensor) else each for each in args)
        return func(*halved, **(kwargs or {})).float()
