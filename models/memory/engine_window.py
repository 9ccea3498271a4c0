"""The caches of a memory whose decoder runs in an engine: of the stream, and of a question."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.language.engine_decoder import EngineCache, EngineDecoder
from models.language.kv_cache import KeyValue
from models.memory.positions import VideoPositions
from models.rotary import apply_rotary


def read_opening(
    decoder: EngineDecoder, x: Tensor, *, window: int
) -> tuple[EngineCache, list[KeyValue]]:
    """Return the cache of a stream after its opening, embeddings (count, width), and its sinks.

    Raises:
        ValueError: the engine was made for an opening of another length.
    """
    count = len(x)
    if count != decoder.sinks:
        raise ValueError(f"expected an opening of {decoder.sinks} tokens, got {count}")
    cache = decoder.new_cache(window=window)
    memory = decoder.read(x, cache, torch.arange(count)).memory
    cache.set_sinks(memory)
    return cache, [(key, value) for key, value in memory]


def context(
    decoder: EngineDecoder,
    sinks: Sequence[KeyValue],
    blocks: Sequence[Tensor],
    positions: VideoPositions,
) -> EngineCache:
    """Return the opening and `blocks` at consecutive positions.

    Each block is (layers, 2, key heads, tokens, head width), with keys before rotation.
    """
    opening = torch.stack([torch.stack(pair) for pair in sinks])
    kind = opening.dtype
    keys, values = torch.cat([opening, *(block.to(kind) for block in blocks)], 3).unbind(1)
    count = opening.shape[3]
    lengths = [block.shape[3] for block in blocks]
    rotary = decoder.config.rotary
    text = rotary.cos_sin(torch.arange(count))
    video = rotary.cos_sin(positions.block_positions(count, 0, 0, lengths))
    cos_sin = torch.cat([text[0], video[0]]), torch.cat([text[1], video[1]])
    cache = decoder.new_cache()
    cache.put(apply_rotary(keys, cos_sin), values)
    cache.position = positions.text_position(count, lengths)
    return cache
