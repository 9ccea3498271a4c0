"""How the keys and values of a frame become a block: which heads, in which precision."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.language.decoder import DecoderConfig
from models.language.head_set import HeadSet
from models.language.kv_cache import kv_bytes
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.kv_store.fewer_bits import Bits, quantized_bytes
from models.memory.prefill import Frame, RekvState
from models.memory.recent_blocks import RecentBlock, with_newest


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLayout:
    """Blocks of a decoder in `dtype`, or in fewer `bits`; with `heads`, of retrieval heads alone.

    They are `represented` by their mean keys if blocks are selected by them.
    """

    decoder: DecoderConfig
    dtype: torch.dtype
    bits: Bits | None
    heads: HeadSet | None
    represented: bool

    @property
    def identity(self) -> Mapping[str, object]:
        """What it adds to the identity of a store; see `Rekv.identity`."""
        config = self.decoder
        found_by = {} if self.represented else {"found by": "ids"}
        kinds = {} if self.heads is None else {"heads": zlib.crc32(repr(self.heads).encode())}
        return {
            **found_by,
            **kinds,
            "shape": [config.layers, config.key_heads, config.head_width],
            "dtype": str(self.dtype).removeprefix("torch."),
        }

    def size(self, tokens: int) -> int:
        """Return the bytes of a block of `tokens` tokens."""
        layers, key_heads = self.decoder.layers, self.decoder.key_heads
        if self.heads is not None:
            layers, key_heads = int(self.heads.mask.sum()), 1
        width = self.decoder.head_width
        if self.bits is not None:
            return layers * quantized_bytes((2, key_heads, tokens, width), self.bits)
        return kv_bytes(layers, key_heads, width, tokens, self.dtype)

    def store(
        self, state: RekvState, memory: Tensor, frame: Frame, salience: Tensor | None
    ) -> Block:
        """Store the keys and values of `frame`, (layers, 2, key heads, tokens, head width).

        Raises:
            StoreFullError, StoreError: there is no room for them.
        """
        stored, streamed = (memory, None) if self.heads is None else self.heads.split(memory)
        block = state.store.append(
            stored.to(self.dtype, copy=True),
            start=frame.start,
            end=frame.end,
            salience=salience,
            represented=self.represented,
            bits=self.bits,
        )
        if self.heads is not None and streamed is not None:
            newest = RecentBlock(block, streamed)
            state.recent = with_newest(state.recent, newest, self.heads.recent)
        return block

    def representatives(self, table: BlockTable, layer: int) -> Tensor:
        """Return those of the heads that retrieve in `layer`, float32 (rows, heads * width)."""
        if self.heads is None:
            return table.representatives[layer]
        held = table.representatives[self.heads.rows(layer), : table.count]
        return held.transpose(0, 1).flatten(1)
