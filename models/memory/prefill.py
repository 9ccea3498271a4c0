"""Prefill: reads frames through a sliding window, and keeps the state between them.

Source: ReKV, Di et al. 2025, section 3.2 (sliding-window attention with sinks).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.errors import DamagedBlockError
from models.language.attention import causal_attention
from models.language.decoder import Decoder
from models.language.engine_cache import EngineCache, Span
from models.language.engine_decoder import EngineDecoder
from models.language.head_set import HeadSet
from models.language.kv_cache import KeyValue
from models.memory import engine_window
from models.memory.eviction import MeasureSalience
from models.memory.head_groups import Projected, WindowGroup, window_groups, windowed_attention
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.kv_store.tiers import BlockStore
from models.memory.positions import VideoPositions
from models.memory.recent_blocks import Recent, load_recent
from models.rotary import CosSin, apply_rotary


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame, which becomes one block: embeddings (tokens, width), and its time in seconds.

    `deep`, (layers, tokens, width), is added to the outputs of the first layers, if it has any.
    Source: DeepStack, Meng et al. 2024.
    """

    tokens: Tensor
    start: float
    end: float
    deep: Tensor | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class RekvState:
    """The memory of one stream: its store, and the context of the next frame.

    `windows` has groups of heads with a cache for each layer, or one cache for all. `sinks` are the
    keys, not rotated, and values of the opening in each layer. `position` counts all tokens,
    including the opening, and `blocks` all blocks; `last` is the newest block of this run.
    `recent` is what streaming heads keep, if there are any; they see no token before number
    `recent_from`.
    """

    store: BlockStore
    windows: list[list[WindowGroup]] | list[EngineCache]
    sinks: list[KeyValue]
    position: int
    blocks: int = 0
    last: Block | None = None
    recent: Recent = ()
    recent_from: int = 0


def check_frames(table: BlockTable, frames: Sequence[Frame], width: int) -> None:
    """Check that `frames` have tokens of `width` and follow the blocks of `table` in time."""
    before = float(table.ends[table.count - 1]) if table.count else -np.inf
    for frame in frames:
        if frame.tokens.dim() != 2 or not len(frame.tokens) or frame.tokens.shape[1] != width:
            raise ValueError(
                f"expected at least one token of width {width}, got {tuple(frame.tokens.shape)}"
            )
        if frame.deep is not None and frame.deep.shape[1:] != frame.tokens.shape:
            raise ValueError(
                f"expected deep features of {tuple(frame.tokens.shape)}, got "
                f"{tuple(frame.deep.shape)}"
            )
        if (frame.deep is None) is not (frames[0].deep is None):
            raise ValueError("expected deep features of all frames, or of none")
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
    heads: HeadSet | None = None,
) -> RekvState:
    """Return the memory after `opening`, int64 (count,), and after the blocks in `store`."""
    state = RekvState(store=store, windows=[], sinks=[], position=len(opening))
    if heads is not None and store.folder is not None:
        state.recent = load_recent(store.folder, store.table)
    x = decoder.embed(opening)
    if isinstance(decoder, EngineDecoder):
        cache, state.sinks = engine_window.read_opening(decoder, x, window=window)
        state.windows = [cache]
    else:
        key_heads = decoder.config.key_heads
        groups = [
            window_groups(heads, layer, key_heads, window) for layer in range(decoder.config.layers)
        ]
        state.windows, state.sinks = groups, _read_opening(decoder, x, groups)
    _resume(decoder, state, positions, window, heads)
    return state


def _read_opening(
    decoder: Decoder, x: Tensor, windows: Sequence[Sequence[WindowGroup]]
) -> list[KeyValue]:
    sinks = []
    cos_sin = decoder.config.rotary.cos_sin(torch.arange(len(x), device=x.device))
    for layer, groups in zip(decoder.layers, windows, strict=True):
        query, key, value = layer.project(x)
        turned = apply_rotary(key, cos_sin)
        for group in groups:
            chosen = group.heads.to(x.device)
            group.cache.append(turned[chosen], value[chosen])
        x = layer.finish(x, causal_attention(apply_rotary(query, cos_sin), turned, value))
        sinks.append((key, value))
    return sinks


def _resume(
    decoder: Decoder | EngineDecoder,
    state: RekvState,
    positions: VideoPositions,
    window: int,
    heads: HeadSet | None,
) -> None:
    """Fill the windows from the last stored blocks."""
    blocks = state.store.table.blocks
    total = sum(block.tokens for block in blocks)
    recent = _taken_from(blocks, window - 1)
    opening = state.position
    position = opening + total - sum(block.tokens for block in recent)
    state.blocks = len(blocks)
    if blocks:  # the opening is before the window
        _restart(state, position)
    rotary, like = decoder.config.rotary, decoder.like
    for block in recent:
        where = positions.block_positions(opening, position - opening, state.blocks, [block.tokens])
        cos_sin = rotary.cos_sin(where.to(like.device))
        position += block.tokens
        state.blocks += 1
        try:
            _put_back(state, block, cos_sin, like, heads, position)
        except DamagedBlockError:
            # Some layers may lack the block, so all continue with the next one.
            _restart(state, position)
    state.position += total
    if len(state.recent) < state.store.table.count:
        tokens = sum(each.block.tokens for each in state.recent)
        state.recent_from = state.position - tokens


def _restart(state: RekvState, position: int) -> None:
    """Empty the windows; the next token is at `position`."""
    windows: Sequence[list[WindowGroup] | EngineCache] = state.windows
    for held in windows:
        if isinstance(held, EngineCache):
            held.restart(position)
        else:
            for group in held:
                group.cache.restart(position)


def _put_back(
    state: RekvState,
    block: Block,
    cos_sin: CosSin,
    like: Tensor,
    heads: HeadSet | None,
    end: int,
) -> None:
    """Append a stored block to the windows; the next token after it is at position `end`.

    Raises:
        DamagedBlockError: it cannot be read.
    """
    rows = next((each.rows for each in state.recent if each.block is block), None)
    windows: Sequence[list[WindowGroup] | EngineCache] = state.windows
    for index, held in enumerate(windows):
        if isinstance(held, EngineCache):
            memory = block.all_layers().to(like)
            memory = memory if heads is None else heads.joined(memory, rows)
            held.put(*_rotated(memory.unbind(1), cos_sin))
            continue
        for group in held:
            if heads is None:
                memory = block.layer(index)
            elif group.retrieving:
                memory = heads.stored(block, index)
            elif rows is not None:
                memory = heads.streamed(rows, index)
            else:
                group.cache.restart(end)
                continue
            group.cache.append(*_rotated(memory.to(like).unbind(), cos_sin))


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
    frames: Sequence[Frame],
    positions: VideoPositions,
    *,
    window: int,
    measure: MeasureSalience | None,
    heads: HeadSet | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Read `frames`, of which each becomes a block, and advance `state` past them.

    Returns keys and values, (layers, 2, key heads, tokens, width). With `measure` it also returns
    the salience of all blocks but the last, preceded by that of the newest earlier block.
    """
    x, lengths = torch.cat([each.tokens for each in frames]), [len(each.tokens) for each in frames]
    deep = _deep_features(frames)
    opening = state.sinks[0][0].shape[1]
    where = positions.block_positions(opening, state.position - opening, state.blocks, lengths)
    state.position += len(x)
    state.blocks += len(lengths)
    if isinstance(decoder, EngineDecoder):
        return _read_in_engine(decoder, state, x, where, positions, window, heads, deep), []
    rotary = decoder.config.rotary
    cos_sin = rotary.cos_sin(where.to(x.device))
    if state.last is not None and measure is not None:
        lengths = [state.last.tokens, *lengths]
    kept, measured = [], []
    for layer, groups, sink in zip(decoder.layers, state.windows, state.sinks, strict=True):
        assert isinstance(groups, list)
        new = Projected(*layer.project(x), cos_sin)
        kept.append(torch.stack([new.key, new.value]))
        mixed, logs = windowed_attention(groups, new, sink, rotary, positions)
        if measure is not None:
            (group,) = groups
            measured.append(measure(new.near, logs, group.cache.keys, lengths, window=window))
        x = layer.finish(x, mixed)
        if deep is not None and len(kept) <= len(deep):
            x = x + deep[len(kept) - 1]
    by_block = [torch.stack(layers) for layers in zip(*measured, strict=True)]
    return torch.stack(kept), by_block


def _read_in_engine(
    decoder: EngineDecoder,
    state: RekvState,
    x: Tensor,
    where: Tensor,
    positions: VideoPositions,
    window: int,
    heads: HeadSet | None,
    deep: Tensor | None,
) -> Tensor:
    """Read embeddings `x` at the positions `where`; return their keys and values."""
    (cache,) = state.windows
    assert isinstance(cache, EngineCache)
    span = Span(window, positions.sink_distance(window))
    recent = None
    if heads is not None:
        tokens = min(window, heads.recent)
        recent = Span(tokens, positions.sink_distance(tokens), state.recent_from)
    read = decoder.read(x, cache, where, window=span, recent=recent, scored=False, deep=deep)
    return read.memory


def _deep_features(frames: Sequence[Frame]) -> Tensor | None:
    """Return those of all `frames`, (layers, tokens, width), or None if they have none."""
    parts = [frame.deep for frame in frames if frame.deep is not None]
    return torch.cat(parts, 1) if parts else None
