"""The peak of memory of a computation on the meta device: exact, and without computing.

It counts the storages of tensors that live at the same time, not what a kernel takes for itself.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.generation.wan.vae import WanVae


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of the tensors that are made within it: now, and at most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's own
        self.now = self.peak = 0
        self._known = weakref.WeakSet[Any]()  # storages

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self.now -= size


@contextmanager
def rows_at_once(vae: WanVae, rows: int) -> Iterator[None]:
    before, vae.rows = vae.rows, rows
    yield
    vae.rows = before


@torch.no_grad()
def peak_of_decoding(vae: WanVae, width: int, height: int, rows: int) -> tuple[int, int]:
    """Return the bytes that decoding a stream's third latent takes, and those of its two caches."""
    side = vae.config.side
    latent = torch.empty(1, 16, 1, height // side, width // side, device="meta")
    with rows_at_once(vae, rows), PeakMemory() as memory:
        cache = vae.decode(latent)[1]
        cache = vae.decode(latent, cache)[1]
        memory.peak = memory.now
        vae.decode(latent, cache)
    caches = 2 * sum(each.untyped_storage().nbytes() for each in cache)
    return memory.peak - caches, caches
