"""The window of a stream whose decoder runs in an engine."""

import torch
from torch import Tensor

from models.language.engine_cache import EngineCache
from models.language.engine_decoder import EngineDecoder
from models.language.kv_cache import KeyValue


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
    memory = decoder.read(x, cache, torch.arange(count), scored=False).memory
    cache.set_sinks(memory)
    return cache, [(key, value) for key, value in memory]
