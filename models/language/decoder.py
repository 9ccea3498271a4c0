"""A Llama, Qwen2 or Qwen3 decoder that leaves attention and caches to the caller.

A layer returns queries, keys and values before rotation, and takes the result of attention. So
causal attention, a sliding window and retrieved blocks all use the same weights. The modules hold
no state of a stream. There is no batch: a stream is one sequence.

Source: Touvron et al. 2023 (Llama); Qwen2, Yang et al. 2024; Qwen3, Yang et al. 2025.
"""

import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.language.kv_cache import DecoderCache, KvCache, LayerCache
from models.rotary import CosSin, RotaryEmbedding, apply_rotary

PARTS = ("query", "key", "value", "out", "gate", "up", "down")  # linear layers of a decoder layer


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes. `biased`: queries, keys and values have a bias; `tied`: the head is the embedding.

    `normed`: queries and keys of each head are normalized before rotation, as in Qwen3. `sections`
    and `interleaved` are those of `RotaryEmbedding`.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    key_heads: int
    head_width: int
    inner_width: int
    theta: float
    epsilon: float = 1e-6
    biased: bool = False
    tied: bool = True
    sections: tuple[int, ...] = ()
    interleaved: bool = False
    normed: bool = False

    @property
    def rotary(self) -> RotaryEmbedding:
        return RotaryEmbedding(
            width=self.head_width,
            theta=self.theta,
            sections=self.sections,
            interleaved=self.interleaved,
        )


class RmsNorm(nn.Module):
    """Root mean square normalization, computed in float32 at least."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        scaled = wide * (wide.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()
        return self.weight * scaled.to(x.dtype)


class DecoderLayer(Protocol):
    """One layer, in two parts around its attention: `project`, then `finish`."""

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of (count, width), (heads, count, head width) each."""
        ...

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """Return the output for input `x` and attention `mixed`, (heads, count, head width)."""
        ...

    def fingerprint(self) -> int:
        """Return a checksum of the weights: stored keys and values depend on them."""
        ...


class DenseLayer(nn.Module):
    """A layer of dense matrices, on any device and in any precision."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, head = config.width, config.head_width
        self.head_width = head
        self.attention_norm = RmsNorm(width, config.epsilon)
        self.query = nn.Linear(width, config.heads * head, bias=config.biased)
        self.key = nn.Linear(width, config.key_heads * head, bias=config.biased)
        self.value = nn.Linear(width, config.key_heads * head, bias=config.biased)
        if config.normed:
            self.query_norm = RmsNorm(head, config.epsilon)
            self.key_norm = RmsNorm(head, config.epsilon)
        self.normed = config.normed
        self.out = nn.Linear(config.heads * head, width, bias=False)
        self.inner_norm = RmsNorm(width, config.epsilon)
        self.gate = nn.Linear(width, config.inner_width, bias=False)
        self.up = nn.Linear(width, config.inner_width, bias=False)
        self.down = nn.Linear(config.inner_width, width, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed = self.attention_norm(x)
        query, key, value = (
            part(normed).unflatten(-1, (-1, self.head_width)).transpose(0, 1)
            for part in (self.query, self.key, self.value)
        )
        if self.normed:
            return self.query_norm(query), self.key_norm(key), value
        return query, key, value

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = x + self.out(mixed.transpose(0, 1).flatten(1))
        normed = self.inner_norm(x)
        fed: Tensor = x + self.down(F.silu(self.gate(normed)) * self.up(normed))
        return fed

    def fingerprint(self) -> int:
        return zlib.crc32(self.key.weight.detach().float().cpu().numpy().tobytes())


@dataclass(frozen=True, slots=True, eq=False)
class DecoderModules:
    """The modules of a decoder. Without a `head`, the weights of `embedding` are used.

    Each of `layers` is a `DecoderLayer`; `embedding` is an nn.Embedding if there is no `head`.
    """

    embedding: nn.Module
    layers: Sequence[nn.Module]
    head: nn.Module | None


def dense_modules(config: DecoderConfig) -> DecoderModules:
    """Return modules of dense matrices with random weights."""
    head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
    layers = [DenseLayer(config) for _ in range(config.layers)]
    return DecoderModules(nn.Embedding(config.vocabulary, config.width), layers, head)


class Decoder(nn.Module):
    """Embeddings (count, width) to hidden vectors of the same shape, and to scores of tokens."""

    def __init__(self, config: DecoderConfig, parts: DecoderModules | None = None) -> None:
        """Use `parts`, by default dense modules with random weights."""
        super().__init__()
        self.config = config
        made = parts or dense_modules(config)
        self.embedding, self.head = made.embedding, made.head
        self.blocks = nn.ModuleList(made.layers)
        self.norm = RmsNorm(config.width, config.epsilon)

    @property
    def layers(self) -> Iterator[DecoderLayer]:
        for layer in self.blocks:
            yield cast("DecoderLayer", layer)

    @property
    def like(self) -> Tensor:
        """A tensor with the device and precision of the decoder."""
        return self.norm.weight

    @property
    def dtype(self) -> torch.dtype:
        """The precision of keys and values."""
        return self.like.dtype

    def projections(self) -> dict[str, tuple[nn.Module, str]]:
        """Return the linear layers of all decoder layers, for `models.lora`."""
        return {
            f"{i}.{part}": (layer, part) for i, layer in enumerate(self.blocks) for part in PARTS
        }

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of int64 `tokens`, (count, width)."""
        embedded: Tensor = self.embedding(tokens)
        return embedded

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the token scores, (..., vocabulary), of the last layer's output (..., width)."""
        normed = self.norm(hidden)
        if self.head is None:
            return F.linear(normed, cast("Tensor", self.embedding.weight))
        scored: Tensor = self.head(normed)
        return scored

    @property
    def fingerprint(self) -> int:
        """A checksum of weights that stored keys and values depend on."""
        return next(self.layers).fingerprint()

    def next_scores(self, x: Tensor, caches: Sequence[DecoderCache]) -> Tensor:
        """Read embeddings `x`, (count, width), after `caches`; return the next token's scores."""
        return self.scores(self.read(x, cast("Sequence[LayerCache]", caches))[-1])

    def read(
        self, x: Tensor, caches: Sequence[LayerCache], positions: Tensor | None = None
    ) -> Tensor:
        """Run the layers on embeddings `x`, and append to `caches`, one for each layer.

        `positions` is int64, (count,) or (axes, count); by default it continues each cache.
        """
        cos_sin: dict[int, CosSin] = {}  # by first position, which most layers share
        for layer, cache in zip(self.layers, caches, strict=True):
            start = cache.position
            if start not in cos_sin:
                cos_sin[start] = self._cos_sin(x, start if positions is None else positions)
            x = self.read_layer(layer, x, cache, cos_sin[start])
        return x

    def _cos_sin(self, x: Tensor, positions: int | Tensor) -> CosSin:
        """Return the rotation of `x`, in its precision, at `positions`, or from an integer on."""
        if isinstance(positions, int):
            positions = torch.arange(positions, positions + len(x), device=x.device)
        kind = torch.promote_types(x.dtype, torch.float32)
        cosines, sines = self.config.rotary.cos_sin(positions)
        return cosines.to(kind), sines.to(kind)

    def read_layer(
        self, layer: DecoderLayer, x: Tensor, cache: LayerCache, cos_sin: CosSin | None = None
    ) -> Tensor:
        """As `read`, for one layer and its input `x`."""
        cos_sin = cos_sin or self._cos_sin(x, cache.position)
        query, key, value = layer.project(x)
        mixed = cache.attend(apply_rotary(query, cos_sin), apply_rotary(key, cos_sin), value)
        return layer.finish(x, mixed)

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of a whole sequence: (count, width) to (count, width)."""
        return self.read(x, self.new_caches(len(x)), positions)

    def new_caches(self, spare: int) -> list[KvCache]:
        """Return empty caches with capacity for `spare` positions."""
        config, like = self.config, self.like
        empty = like.new_empty(config.key_heads, 0, config.head_width)
        return [KvCache(empty, empty, spare=spare) for _ in range(config.layers)]


@dataclass(slots=True)
class TokenConfidence:
    """How sure a model is of the tokens that it generated so far."""

    tokens: int = 0
    log_probability: float = 0.0

    @property
    def value(self) -> float | None:
        """The geometric mean of the tokens' probabilities, in [0, 1]; None before the first.

        Source: Malinin and Gales 2021, arXiv 2002.07650: length-normalized likelihood.
        """
        return math.exp(self.log_probability / self.tokens) if self.tokens else None


class TokenDecoder(Protocol):
    """What `generate` needs of a decoder."""

    def embed(self, tokens: Tensor) -> Tensor: ...

    def next_scores(self, x: Tensor, caches: Sequence[DecoderCache]) -> Tensor: ...


def generate(
    decoder: TokenDecoder,
    prompt: Tensor,
    caches: Sequence[DecoderCache],
    *,
    max_tokens: int,
    stop: Collection[int] = (),
    confidence: TokenConfidence | None = None,
) -> Iterator[int]:
    """Yield the likeliest tokens after `prompt`, embeddings (count, width), given `caches`.

    Generation ends at a token of `stop`, which is not yielded, or after `max_tokens` tokens.
    `confidence` is updated before each token is yielded.
    """
    x = prompt
    for _ in range(max_tokens):
        with torch.no_grad():
            scores = decoder.next_scores(x, caches)
            token = int(scores.argmax())
            if token in stop:
                return
            if confidence is not None:
                confidence.tokens += 1
                confidence.log_probability += float(scores.float().log_softmax(-1)[token])
            x = decoder.embed(torch.tensor([token], device=x.device))
        yield token
