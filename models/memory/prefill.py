"""Prefill: reads frames through a sliding window, and keeps the state between them.

Source: ReKV, Di et al. 2025, section 3.2 (sliding-window attention with sinks).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.errors import DamagedBlockError
from models.language.attention import (
    PartialAttention,
    WindowKeys,
    causal_attention,
    sliding_window_attention,
)
from models.language.decoder import Decoder
from models.language.engine_decoder import EngineCache, EngineDecoder
from models.language.kv_cache import KeyValue, SlidingWindowCache
from models.memory import engine_window
from models.memory.eviction import MeasureSalience
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.kv_store.tiers import BlockStore
from models.memory.positions import VideoPositions
from models.rotary import CosSin, apply_rotary


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame, which becomes one block: embeddings (tokens, width), and its time in seconds."""

    tokens: Tensor
    start: float
    end: float


@dataclass(slots=True, eq=False, kw_only=True)
class RekvState:
    """The memory of one stream: its store, and the context of the next frame.

    `windows` has one cache for each layer, or one for all. `sinks` are the keys, not rotated, and
    values of the opening in each layer. `position` counts all tokens, including the opening, and
    `blocks` all blocks; `last` is the newest block of this run.
    """

    store: BlockStore
    windows: list[SlidingWindowCache] | list[EngineCache]
    sinks: list[KeyValue]
    position: int
    blocks: int = 0
    last: Block | None = None


def check_frames(table: BlockTable, frames: Sequence[Frame], width: int) -> None:
    """Check that `frames` have tokens of `width` and follow the blocks of `table` in time."""
    before = float(table.ends[table.count - 1]) if table.count else -np.inf
    for frame in frames:
        if frame.tokens.dim() != 2 or not len(frame.tokens) or frame.tokens.shape[1] != width:
            raise ValueError(
                f"expected at least one token of width {width}, got {tuple(frame.tokens.shape)}"
            )
        if not before <= frame.start <= frame.end:
            raise ValueError(
                f"a frame from {frame.start} s to {frame.end} s cannot follow {before} s; "
                "give frames in order of time"
            )
        before = frame.end


def prefill_opening(
    decoder: Decoder | EngineDecoder,
    opening: Tensor,
    store: BlockStore,
    positions: VideoPositions,
    *,
    window: int,
) -> RekvState:
    """Return the memory after `opening`, int64 (count,), and after the blocks in `store`."""
    state = RekvState(store=store, windows=[], sinks=[], position=len(opening))
    x = decoder.embed(opening)
    if isinstance(decoder, EngineDecoder):
        cache, state.sinks = engine_window.read_opening(decoder, x, window=window)
        state.windows = [cache]
    else:
        state.windows, state.sinks = _read_opening(decoder, x, window=window)
    _resume(decoder, state, positions, window)
    return state


def _read_opening(
    decoder: Decoder, x: Tensor, *, window: int
) -> tuple[list[SlidingWindowCache], list[KeyValue]]:
    windows, sinks = [], []
    cos_sin = decoder.config.rotary.cos_sin(torch.arange(len(x), device=x.device))
    for layer in decoder.layers:
        query, key, value = layer.project(x)
        held = SlidingWindowCache(keep=window - 1)
        keys, values = held.append(apply_rotary(key, cos_sin), value)
        x = layer.finish(x, causal_attention(apply_rotary(query, cos_sin), keys, values))
        windows.append(held)
        sinks.append((key, value))
    return windows, sinks


def _resume(
    decoder: Decoder | EngineDecoder, state: RekvState, positions: VideoPositions, window: int
) -> None:
    """Fill the windows from the last stored blocks."""
    blocks = state.store.table.blocks
    total = sum(block.tokens for block in blocks)
    recent = _taken_from(blocks, window - 1)
    windows: Sequence[SlidingWindowCache | EngineCache] = state.windows
    opening = state.position
    position = opening + total - sum(block.tokens for block in recent)
    state.blocks = len(blocks)
    if blocks:  # the opening is before the window
        for held in windows:
            held.restart(position)
    like = decoder.like
    for block in recent:
        where = positions.block_positions(opening, position - opening, state.blocks, [block.tokens])
        cos_sin = decoder.config.rotary.cos_sin(where.to(like.device))
        try:
            for index, held in enumerate(windows):
                if isinstance(held, EngineCache):
                    held.put(*_rotated(block.all_layers().to(like).unbind(1), cos_sin))
                else:
                    held.append(*_rotated(block.layer(index).to(like).unbind(), cos_sin))
        except DamagedBlockError:
            # Some layers may lack the block, so all continue with the next one.
            for held in windows:
                held.restart(position + block.tokens)
        position += block.tokens
        state.blocks += 1
    state.position += total


def _taken_from(blocks: list[Block], tokens: int) -> list[Block]:
    """Remove the last blocks that have at least `tokens` tokens, and return them."""
    taken: list[Block] = []
    while blocks and sum(block.tokens for block in taken) < tokens:
        taken.insert(0, blocks.pop())
    return taken


def _rotated(memory: Sequence[Tensor], cos_sin: CosSin) -> KeyValue:
    key, value = memory
    return apply_rotary(key, cos_sin), value


def prefill_frames(
    decoder: Decoder | EngineDecoder,
    state: RekvState,
    x: Tensor,
    lengths: Sequence[int],
    positions: VideoPositions,
    *,
    window: int,
    measure: MeasureSalience | None,
) -> tuple[Tensor, list[Tensor]]:
    """Read embeddings (tokens, width) of blocks of `lengths`, and advance `state` past them.

    Returns keys and values, (layers, 2, key heads, tokens, width). With `measure` it also returns
    the salience of all blocks but the last, preceded by that of the newest earlier block.
    """
    opening = state.sinks[0][0].shape[1]
    where = positions.block_positions(opening, state.position - opening, state.blocks, lengths)
    distance = positions.sink_distance(window)
    state.position += len(x)
    state.blocks += len(lengths)
    if isinstance(decoder, EngineDecoder):
        (cache,) = state.windows
        assert isinstance(cache, EngineCache)
        return decoder.read(x, cache, where, window=window, distance=distance).memory, []
    cos_sin = decoder.config.rotary.cos_sin(where.to(x.device))
    far = decoder.config.rotary.cos_sin(torch.tensor([distance], device=x.device))
    if state.last is not None and measure is not None:
        lengths = [state.last.tokens, *lengths]
    kept, measured = [], []
    for layer, held, sink in zip(decoder.layers, state.windows, state.sinks, strict=True):
        assert isinstance(held, SlidingWindowCache)
        query, key, value = layer.project(x)
        kept.append(torch.stack([key, value]))
        keys, values = held.append(apply_rotary(key, cos_sin), value)
        local = WindowKeys(
            keys=keys,
            values=values,
            first=held.first,
            sink_keys=sink[0],
            sink_values=sink[1],
        )
        near = apply_rotary(query, cos_sin)
        part: PartialAttention = sliding_window_attention(
            near, apply_rotary(query, far), local, window=window
        )
        if measure is not None:
            measured.append(measure(near, part[1], keys, lengths, window=window))
        x = layer.finish(x, part[0])
    by_block = [torch.stack(layers) for layers in zip(*measured, strict=True)]
    return torch.stack(kept), by_block
