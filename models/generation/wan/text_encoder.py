"""Wan's text encoder, umT5-XXL: text in many languages to the features of a prompt.

Tensors have the names that Wan's own code gives them, so `models_t5_umt5-xxl-enc-bf16.pth` fits
as it is; sizes come from its shapes. A prompt has at most 512 tokens; a shorter one is padded with
zeros, and Wan's cross-attention reads the padding too, as in training.

Sources: Raffel et al. 2020 (T5); Chung et al. 2023 (umT5: each layer has its own position bias).
"""

import html
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.errors import WeightsError
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.wan.files import count_layers, load_weights, read_state

MAX_TOKENS = 512  # of a prompt
MAX_DISTANCE = 128  # tokens; larger distances share a bucket, as in T5
QUOTES = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True, slots=True, kw_only=True)
class UmT5Config:
    """Sizes of an encoder; `buckets` is the number of relative position buckets."""

    vocabulary: int
    dim: int
    attention: int
    heads: int
    ffn: int
    layers: int
    buckets: int


class T5Norm(nn.Module):
    """Root mean square normalization."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        even = F.rms_norm(x.float(), self.weight.shape, eps=1e-6).to(x.dtype)
        return self.weight * even


class RelativePositionBias(nn.Module):
    """The attention bias for the distance between tokens."""

    def __init__(self, config: UmT5Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.buckets, config.heads)

    def forward(self, count: int) -> Tensor:
        """Return (heads, count, count) for `count` tokens."""
        place = torch.arange(count, device=self.embedding.weight.device)
        numbers = position_buckets(place - place[:, None], self.embedding.num_embeddings)
        out: Tensor = self.embedding(numbers).permute(2, 0, 1)
        return out


def position_buckets(distance: Tensor, count: int) -> Tensor:
    """Return the bucket, of `count`, that each distance falls into.

    One half is for tokens after, one for those before; near ones have a bucket each, far ones
    share logarithmic buckets.

    Source: Raffel et al. 2020, section 2.1.
    """
    half = count // 2
    near = half // 2
    size = distance.abs()
    grown = torch.log(size.clamp(min=1).float() / near) / math.log(MAX_DISTANCE / near)
    far = (near + (grown * (half - near)).long()).clamp(max=half - 1)
    return half * (distance > 0) + torch.where(size < near, size, far)


class Attention(nn.Module):
    """Attention without biases and without a scale, which T5's weights include."""

    def __init__(self, config: UmT5Config) -> None:
        super().__init__()
        dim, inner = config.dim, config.attention
        self.heads = config.heads
        self.q, self.k, self.v = (nn.Linear(dim, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, dim, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (
            torch.unflatten(part(x), -1, (self.heads, -1)).transpose(0, 1)
            for part in (self.q, self.k, self.v)
        )
        scores = query @ key.transpose(1, 2) + bias
        mixed = scores.float().softmax(-1).to(value.dtype) @ value
        out: Tensor = self.o(mixed.transpose(0, 1).flatten(1))
        return out


class FeedForward(nn.Module):
    """A gated feed-forward layer."""

    def __init__(self, config: UmT5Config) -> None:
        super().__init__()
        dim, inner = config.dim, config.ffn
        self.gate = nn.Sequential(nn.Linear(dim, inner, bias=False), nn.GELU("tanh"))
        self.fc1 = nn.Linear(dim, inner, bias=False)
        self.fc2 = nn.Linear(inner, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.fc1(x) * self.gate(x))
        return out


class Block(nn.Module):
    """A layer; `pos_embedding` is Wan's name for the relative position bias."""

    def __init__(self, config: UmT5Config) -> None:
        super().__init__()
        self.norm1, self.norm2 = T5Norm(config.dim), T5Norm(config.dim)
        self.attn, self.ffn = Attention(config), FeedForward(config)
        self.pos_embedding = RelativePositionBias(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x), self.pos_embedding(len(x)))
        out: Tensor = x + self.ffn(self.norm2(x))
        return out


class UmT5Encoder(nn.Module):
    """The encoder: token ids (tokens) to features (tokens, dim)."""

    def __init__(self, config: UmT5Config) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocabulary, config.dim)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.layers)))
        self.norm = T5Norm(config.dim)

    def forward(self, numbers: Tensor) -> Tensor:
        out: Tensor = self.norm(self.blocks(self.token_embedding(numbers)))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class WanTextEncoder:
    """A tokenizer and an encoder: text to prompts."""

    tokenizer: Tokenizer
    encoder: UmT5Encoder

    @torch.no_grad()
    def prompt(self, text: str) -> EncodedPrompt:
        """Return `text` as a prompt of 512 tokens, padded with zeros.

        Longer text is truncated, as in Wan.
        """
        device = self.encoder.norm.weight.device
        numbers = torch.tensor(self.tokenizer.encode(normalize_text(text)).ids, device=device)
        features = self.encoder(numbers).float().cpu()
        return EncodedPrompt(
            F.pad(features, (0, 0, 0, MAX_TOKENS - len(features))), torch.zeros(MAX_TOKENS)
        )


def normalize_text(text: str) -> str:
    """Return `text` normalized for Wan's tokenizer: no entities, straight quotes, single spaces."""
    plain = unicodedata.normalize("NFC", html.unescape(html.unescape(text)))
    return " ".join(plain.translate(QUOTES).split())


def infer_config(state: Mapping[str, Tensor], file: Path) -> UmT5Config:
    """Return the sizes of the encoder in `state`, which was read from `file`.

    Raises:
        WeightsError: it is another model.
    """
    try:
        distances = state["blocks.0.pos_embedding.embedding.weight"]
        words, query = state["token_embedding.weight"], state["blocks.0.attn.q.weight"]
        inner = state["blocks.0.ffn.fc1.weight"]
    except KeyError as error:
        raise WeightsError(f"{file}: not Wan's text encoder: it has no {error}") from error
    return UmT5Config(
        vocabulary=words.shape[0],
        dim=words.shape[1],
        attention=len(query),
        heads=distances.shape[1],
        ffn=len(inner),
        layers=count_layers(state, "blocks"),
        buckets=len(distances),
    )


def load_text_encoder(
    file: Path, tokenizer: Path, source: str, *, device: str, dtype: torch.dtype
) -> WanTextEncoder:
    """Return the encoder in `file` with the `tokenizer.json` at `tokenizer`.

    Raises:
        WeightsError: one is missing, damaged, or of another kind.
    """
    words = load_tokenizer(tokenizer, source)
    state = read_state(file, source)
    with torch.device("meta"):
        encoder = UmT5Encoder(infer_config(state, file))
    return WanTextEncoder(
        words, load_weights(encoder, state, str(file), device=device, dtype=dtype)
    )


def load_tokenizer(file: Path, source: str) -> Tokenizer:
    """Return the tokenizer in `file`, which gives at most 512 tokens, the last one an end token.

    Raises:
        WeightsError: it is missing or damaged.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: missing; it comes from {source}")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no narrower error
        raise WeightsError(
            f"{file}: not a tokenizer, or damaged; fetch it again from {source}"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer
