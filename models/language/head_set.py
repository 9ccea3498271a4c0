"""Which key heads of a decoder retrieve from the whole stream; the others only see what is recent.

A retrieval head finds what was said long ago, and needs all keys and values. A streaming head looks
at the opening and at recent tokens, so its older keys and values are not stored. Query heads that
share a key head are of one kind.

The set is a small file beside the weights, `attention_heads.json`, which
`models.training.retrieval_heads` writes: a gate in [0, 1] for each key head of each layer, how many
tokens streaming heads see, and which share of the heads streams: those with the lowest gates.

Source: DuoAttention, Xiao et al. 2024, arXiv 2410.10819, sections 2.1 to 2.3.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from models.errors import WeightsError
from models.language.decoder import DecoderConfig

FILE = "attention_heads.json"


class StoredRows(Protocol):
    """A block: rows of keys and values, see `HeadSet`."""

    def some_layers(self, chosen: slice) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class HeadSet:
    """`retrieving` says for each key head of each layer whether it retrieves; one at least does.

    Streaming heads see the last `recent` tokens, and the opening.

    Blocks of a memory have the retrieval heads of all layers in rows, layer after layer: keys and
    values are (rows, 2, 1, tokens, head width) instead of (layers, 2, key heads, tokens, width).
    """

    retrieving: tuple[tuple[bool, ...], ...]
    recent: int

    def __post_init__(self) -> None:
        if not any(map(any, self.retrieving)) or len(set(map(len, self.retrieving))) != 1:
            raise ValueError("expected layers of as many heads, one of which retrieves at least")
        if self.recent < 1:
            raise ValueError(f"expected streaming heads to see a token or more, got {self.recent}")

    @cached_property
    def mask(self) -> Tensor:
        """Which heads retrieve, bool (layers, key heads)."""
        return torch.tensor(self.retrieving)

    @property
    def streaming_share(self) -> float:
        """The share of streaming heads: by so much the stored keys and values are smaller."""
        return 1.0 - float(self.mask.float().mean())

    def heads(self, layer: int, *, retrieving: bool) -> list[int]:
        """Return the key heads of a layer that retrieve, or those that do not."""
        return [head for head, kind in enumerate(self.retrieving[layer]) if kind == retrieving]

    def rows(self, layer: int) -> slice:
        """Return the rows of a layer's retrieval heads in a block."""
        return self._rows(self.mask, layer)

    def split(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of the retrieval heads, and of the streaming heads.

        `memory` is (layers, 2, key heads, tokens, width); rows are (rows, 2, 1, tokens, width).
        """
        by_head = memory.transpose(1, 2)
        mask = self.mask.to(memory.device)
        return by_head[mask][:, :, None], by_head[~mask][:, :, None]

    def joined(self, stored: Tensor, streamed: Tensor | None) -> Tensor:
        """Return what `split` took apart; streaming heads are zero without `streamed`."""
        tokens, width = stored.shape[3:]
        layers, key_heads = self.mask.shape
        by_head = stored.new_zeros(layers, key_heads, 2, tokens, width)
        mask = self.mask.to(stored.device)
        by_head[mask] = stored[:, :, 0]
        if streamed is not None:
            by_head[~mask] = streamed[:, :, 0].to(stored)
        return by_head.transpose(1, 2)

    def stored(self, block: StoredRows, layer: int) -> Tensor:
        """Return keys and values of a layer's retrieval heads, (2, heads, tokens, width).

        Raises:
            DamagedBlockError: what was spilled cannot be read back.
        """
        return block.some_layers(self.rows(layer))[:, :, 0].transpose(0, 1)

    def streamed(self, rows: Tensor, layer: int) -> Tensor:
        """Return keys and values of a layer's streaming heads, (2, heads, tokens, width).

        `rows` are those of all streaming heads, see `split`.
        """
        return rows[self._rows(~self.mask, layer)][:, :, 0].transpose(0, 1)

    def queries(self, query: Tensor, layer: int, *, retrieving: bool) -> Tensor:
        """Return those of `query`, (heads, ...), that share the key heads of one kind."""
        chosen = torch.tensor(self.heads(layer, retrieving=retrieving), dtype=torch.int64)
        by_key = torch.unflatten(query, 0, (self.mask.shape[1], -1))
        return by_key[chosen.to(query.device)].flatten(0, 1)

    @staticmethod
    def _rows(mask: Tensor, layer: int) -> slice:
        first = int(mask[:layer].sum())
        return slice(first, first + int(mask[layer].sum()))


def choose_heads(gates: Sequence[Sequence[float]], streaming: float, *, recent: int) -> HeadSet:
    """Return a set in which the share `streaming` of the heads, with the lowest gates, streams.

    Source: DuoAttention, section 2.3: the threshold of the gates is a quantile of them.

    Raises:
        ValueError: the share is not in [0, 1), or the gates are not a table.
    """
    if not 0 <= streaming < 1:
        raise ValueError(f"expected a share of streaming heads in [0, 1), got {streaming}")
    table = torch.tensor(gates)
    if table.dim() != 2 or not table.numel():
        raise ValueError("expected a gate for each key head of each layer")
    mask = torch.ones(table.numel(), dtype=torch.bool)
    mask[table.flatten().argsort(stable=True)[: int(streaming * table.numel())]] = False
    rows = mask.view(table.shape).tolist()
    return HeadSet(retrieving=tuple(map(tuple, rows)), recent=recent)


def write_head_set(
    file: Path, gates: Sequence[Sequence[float]], streaming: float, *, recent: int
) -> None:
    """Write the file of a head set."""
    rounded = [[round(gate, 4) for gate in layer] for layer in gates]
    content = {"streaming": streaming, "recent": recent, "gates": rounded}
    file.write_text(json.dumps(content) + "\n", "utf-8")


def read_head_set(folder: Path, config: DecoderConfig) -> HeadSet | None:
    """Return the head set beside the weights in `folder`; None if there is none.

    Raises:
        WeightsError: the file is damaged, or of a decoder of other sizes.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        held = json.loads(file.read_text("utf-8"))
        heads = choose_heads(held["gates"], held["streaming"], recent=held["recent"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{file}: not a set of attention heads ({error}); delete it, or make it again"
        ) from error
    if tuple(heads.mask.shape) != (config.layers, config.key_heads):
        raise WeightsError(
            f"{file}: has gates for {tuple(heads.mask.shape)} layers and key heads, and the model "
            f"has {(config.layers, config.key_heads)}; delete it, or make it again"
        )
    return heads
