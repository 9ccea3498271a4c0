"""The small model's text encoder: words of a small vocabulary to features.

Unknown words are skipped; `PromptEncoder.unknown` lists them. Wan has its own text encoder; both
return an `EncodedPrompt`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MAX_WORDS = 24  # of a prompt


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPrompt:
    """A prompt: features float (words, dim), and the logarithm of each word's weight."""

    features: Tensor
    bias: Tensor

    def equals(self, other: "EncodedPrompt") -> bool:
        """Return whether both are the same prompt."""
        if self is other:
            return True
        return torch.equal(self.features, other.features) and torch.equal(self.bias, other.bias)


def blend(parts: Sequence[tuple[EncodedPrompt, float]]) -> EncodedPrompt:
    """Return a blend of prompts: attention is split between them by their weights.

    Weights are relative. A prompt of weight 0 has no influence; a single prompt is returned as it
    is.

    Raises:
        ValueError: there is no prompt, a weight is negative, or all are 0.
    """
    total = sum(weight for _, weight in parts)
    if not parts or min(weight for _, weight in parts) < 0 or not 0 < total < float("inf"):
        raise ValueError(f"expected weights >= 0, one above 0, got {[w for _, w in parts]}")
    weighted = [(prompt, weight / total) for prompt, weight in parts if weight > 0]
    if len(weighted) == 1:
        return weighted[0][0]
    features = torch.cat([prompt.features for prompt, _ in weighted])
    bias = torch.cat([prompt.bias + torch.tensor(weight).log() for prompt, weight in weighted])
    return EncodedPrompt(features, bias)


def split_words(text: str) -> list[str]:
    """Return the words of `text` in lower case, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


class PromptEncoder(nn.Module):
    """The encoder: embeddings of words and positions, and one transformer layer."""

    def __init__(self, vocabulary: Sequence[str], dim: int) -> None:
        super().__init__()
        self.vocabulary = tuple(vocabulary)
        self.indices = {word: number + 1 for number, word in enumerate(vocabulary)}
        self.words = nn.Embedding(len(self.vocabulary) + 1, dim)  # index 0: an empty prompt
        self.places = nn.Embedding(MAX_WORDS, dim)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def unknown(self, text: str) -> list[str]:
        """Return the words of `text` that are not in the vocabulary."""
        return [word for word in split_words(text) if word not in self.indices]

    def tokens(self, text: str) -> list[int]:
        """Return the indices of the known words of `text`, [0] if there are none."""
        known = [self.indices[word] for word in split_words(text) if word in self.indices]
        return known[:MAX_WORDS] or [0]

    def forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return features (texts, words, dim) and bias (texts, words), -inf for padding."""
        lines, device = [self.tokens(text) for text in texts], self.words.weight.device
        longest = max(len(line) for line in lines)
        padded = torch.tensor([line + [-1] * (longest - len(line)) for line in lines]).to(device)
        absent, numbers = padded < 0, padded.clamp(min=0)
        x = self.words(numbers) + self.places.weight[:longest]
        inner = self.norm(x)
        mixed, _ = self.attention(inner, inner, inner, key_padding_mask=absent, need_weights=False)
        x = x + mixed
        x = x + self.mlp(self.norm_mlp(x))
        return x, x.new_zeros(x.shape[:2]).masked_fill(absent, float("-inf"))

    @torch.no_grad()
    def prompt(self, text: str) -> EncodedPrompt:
        features, bias = self([text])
        return EncodedPrompt(features[0], bias[0])
