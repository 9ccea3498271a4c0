"""The cache of a question for a decoder that runs in an engine: opening and blocks, in slots.

If layers are run one by one, each selects blocks before it reads the question. All of them have
the same slots and the same position of the question, whatever they selected; the rest is hidden.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.language.engine_cache import EngineCache
from models.language.engine_decoder import EngineDecoder
from models.memory.kv_store.blocks import Block
from models.memory.stream_snapshot import (
    BlockMask,
    SelectBlocks,
    StreamSnapshot,
    load_blocks,
)
from models.rotary import apply_rotary


def context(decoder: EngineDecoder, seen: StreamSnapshot, blocks: Sequence[Tensor]) -> EngineCache:
    """Return the opening and `blocks` at consecutive positions.

    Each block has the layers of a stored one, with keys before rotation.
    """
    if seen.heads is not None:
        return _by_head(decoder, seen, blocks)
    opening = torch.stack([torch.stack(pair) for pair in seen.sinks])
    keys, values = torch.cat([opening, *(block.to(opening) for block in blocks)], 3).unbind(1)
    count = opening.shape[3]
    lengths = [block.shape[3] for block in blocks]
    rotary = decoder.config.rotary
    text = rotary.cos_sin(torch.arange(count))
    video = rotary.cos_sin(seen.positions.block_positions(count, 0, 0, lengths))
    cos_sin = torch.cat([text[0], video[0]]), torch.cat([text[1], video[1]])
    cache = decoder.new_cache()
    cache.put(apply_rotary(keys, (cos_sin[0].to(keys.device), cos_sin[1].to(keys.device))), values)
    cache.position = seen.positions.text_position(count, lengths)
    return cache


def _by_head(decoder: EngineDecoder, seen: StreamSnapshot, blocks: Sequence[Tensor]) -> EngineCache:
    assert seen.heads is not None
    tokens = sum(block.shape[3] for block in blocks)
    filling = _Filling(decoder, seen, max(tokens, sum(each.block.tokens for each in seen.recent)))
    for layer in range(decoder.config.layers):
        rows = seen.heads.rows(layer)
        filling.fill(layer, [block[rows][:, :, 0].transpose(0, 1) for block in blocks])
    return filling.cache


@torch.no_grad()
def retrieve(
    decoder: EngineDecoder,
    seen: StreamSnapshot,
    allowed: BlockMask,
    x: Tensor,
    select: SelectBlocks,
    *,
    room: int,
) -> tuple[list[tuple[Block, ...]], EngineCache]:
    """Read the question's embeddings `x`, (tokens, width), and select blocks in each layer.

    Returns the blocks of each layer, and the cache of all, without the question. A layer reads
    `room` tokens of blocks at most.

    Source: ReKV, Di et al. 2025, section 3.3.
    """
    layered = decoder.layered
    assert layered is not None
    filling, chosen = _Filling(decoder, seen, room), []
    cache, inputs = filling.cache, dict[str, Tensor]()
    for layer in range(decoder.config.layers):
        asked = seen.asking(layered.query(x, layer).float().mean(1), layer)
        blocks, parts = load_blocks(seen, layer, asked, allowed, select) if len(asked) else ((), [])
        filling.fill(layer, parts)
        if not inputs:
            positions = torch.arange(cache.position, cache.position + len(x))
            inputs = decoder.inputs(x, cache, positions)
        x = layered.run_layer(layer, x[None], inputs, cache.state)["output"][0]
        chosen.append(blocks)
    position = cache.position
    cache.drop_last(len(x))
    cache.position = position
    return chosen, cache


class _Filling:
    """A cache whose layers are filled one after another: with the opening, and some blocks."""

    def __init__(self, decoder: EngineDecoder, seen: StreamSnapshot, room: int) -> None:
        """Make room for `room` tokens of blocks in each layer."""
        self.cache = decoder.new_cache()
        self._seen, self._rotary = seen, decoder.config.rotary
        self._start = self.cache.claim(seen.opening + room)
        kinds = 1 if seen.heads is None else decoder.config.key_heads
        shape = (decoder.config.layers, kinds, self.cache.slots)
        hidden = torch.zeros(shape, dtype=torch.bool, device=self.cache.whole.device)
        hidden[..., self._start : self._start + seen.opening + room] = True
        self.cache.hidden = hidden
        self._filled = False

    def fill(self, layer: int, parts: Sequence[Tensor]) -> None:
        """Put the opening and `parts` into a layer; the first one decides where questions are."""
        seen, cache = self._seen, self.cache
        assert cache.hidden is not None
        groups = seen.groups(layer, parts)
        if not self._filled:
            cache.position, self._filled = seen.question_position(groups), True
        for group in groups:
            keys, values = seen.context(self._rotary, layer, group, cache.position)
            heads, place = group[0], slice(self._start, self._start + keys.shape[1])
            cache.whole[layer, 0, 0, heads, place] = keys
            cache.whole[layer, 1, 0, heads, place] = values
            cache.hidden[layer, heads, place] = False
