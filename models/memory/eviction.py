"""The interface of eviction policies: what happens to old blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from models.memory.kv_store.tiers import BlockStore


class MeasureSalience(Protocol):
    """Measures the attention to the tokens of blocks."""

    def __call__(
        self, query: Tensor, log: Tensor, keys: Tensor, lengths: Sequence[int], *, window: int
    ) -> list[Tensor]: ...


class EvictionPolicy(Protocol):
    """`tidy` is called before each step; `measure`, if there is one, on each new block."""

    @property
    def measure(self) -> MeasureSalience | None: ...

    def tidy(self, store: BlockStore) -> None: ...


@dataclass(frozen=True, slots=True)
class KeepAll:
    """Keeps all blocks whole: memory grows with the stream."""

    measure = None

    def tidy(self, store: BlockStore) -> None:
        """Do nothing."""
