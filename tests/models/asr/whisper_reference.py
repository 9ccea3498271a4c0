"""Whisper without caches or engines: every token is read anew. The reference of fast paths."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.asr.whisper.whisper import DecoderLayer, Whisper


def encode(model: Whisper, mel: Tensor) -> Tensor:
    """Turn log-mel (mels, frames) into hidden frames (1, frames / 2, width)."""
    encoded: Tensor = model.encoder(mel[None])
    return encoded


def read(model: Whisper, tokens: Sequence[int], encoded: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return hidden vectors (tokens, width), and each layer's queries for the sound.

    The queries are (1, heads, tokens, width of a head).
    """
    count = len(tokens)
    mask = torch.ones(count, count, dtype=torch.bool).tril()
    x = model.decoder.embedding(torch.tensor([list(tokens)])) + model.decoder.positions[:count]
    queries: list[Tensor] = []
    for layer in model.decoder.layers:
        assert isinstance(layer, DecoderLayer)
        normed = layer.self_attention_norm(x)
        x = x + layer.self_attention(normed, layer.self_attention.keys_values(normed), mask)
        asked, attention = layer.cross_attention_norm(x), layer.cross_attention
        queries.append(attention.split(attention.query(asked)))
        x = x + attention(asked, attention.keys_values(encoded))
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
    return model.decoder.norm(x)[0], queries


def logits(model: Whisper, tokens: Sequence[int], encoded: Tensor) -> Tensor:
    """Return the scores after each of `tokens`, (tokens, vocabulary)."""
    return model.logits(read(model, tokens, encoded)[0])


def cross_scores(
    model: Whisper, tokens: Sequence[int], encoded: Tensor, heads: Sequence[tuple[int, int]]
) -> Tensor:
    """Return the scores of `heads` before the softmax, (heads, tokens, frames)."""
    _, queries = read(model, tokens, encoded)
    rows = []
    for index, head in heads:
        layer = model.decoder.layers[index]
        assert isinstance(layer, DecoderLayer)
        keys, _ = layer.cross_attention.keys_values(encoded)
        asked = queries[index][0, head]
        rows.append(asked @ keys[0, head].T * asked.shape[1] ** -0.5)
    return torch.stack(rows)
