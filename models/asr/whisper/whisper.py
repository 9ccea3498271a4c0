"""Whisper's encoder and decoder: the layers, for training and for `whisper_networks`.

This is the network only, without tokenizer, search or files.

Source: Radford et al. 2022, section 2.2.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

PROJECTIONS = ("query", "key", "value", "out")  # linear layers of an attention

KeyValue = tuple[Tensor, Tensor]  # each (batch, heads, length, width of a head)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperConfig:
    """Sizes. `audio_context` counts encoder frames of 20 ms, `text_context` tokens."""

    mels: int
    audio_context: int
    audio_width: int
    audio_heads: int
    audio_layers: int
    text_context: int
    text_width: int
    text_heads: int
    text_layers: int
    vocabulary: int

    @property
    def multilingual(self) -> bool:
        return self.vocabulary >= 51865  # the English-only vocabulary is one token smaller


class Attention(nn.Module):
    """Multi-head attention over keys and values that were projected before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Turn (batch, length, width) into (batch, heads, length, width of a head)."""
        return x.view(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)

    def keys_values(self, x: Tensor) -> KeyValue:
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x: Tensor, over: KeyValue, mask: Tensor | None = None) -> Tensor:
        """Attend from `x`, (batch, length, width); `mask` is True where a query may attend."""
        seen = F.scaled_dot_product_attention(self.split(self.query(x)), *over, attn_mask=mask)
        mixed: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return mixed


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward network, with residual connections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attention = Attention(width, heads)
        self.self_attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.feed_forward_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.self_attention_norm(x)
        x = x + self.self_attention(normed, self.self_attention.keys_values(normed))
        fed: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return fed


class DecoderLayer(EncoderLayer):
    """An encoder layer with cross-attention to the audio in between."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.cross_attention = Attention(width, heads)
        self.cross_attention_norm = nn.LayerNorm(width)


class Encoder(nn.Module):
    """Log-mel frames of 10 ms to hidden frames of 20 ms."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        width = config.audio_width
        self.conv1 = nn.Conv1d(config.mels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(config.audio_context, width), False)
        self.layers = nn.ModuleList(
            EncoderLayer(width, config.audio_heads) for _ in range(config.audio_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class Decoder(nn.Module):
    """Tokens to hidden vectors; the embedding is also the output layer."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        width = config.text_width
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(config.text_context, width))
        self.layers = nn.ModuleList(
            DecoderLayer(width, config.text_heads) for _ in range(config.text_layers)
        )
        self.norm = nn.LayerNorm(width)


class Whisper(nn.Module):
    """The network, as its weights name it."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def projections(self, *, feed_forward: bool = False) -> dict[str, tuple[nn.Module, str]]:
        """Return the linear layers for `models.lora`: those of all attentions, then feed-forward.

        Source: CarelessWhisper, Krichli et al. 2025, which adapts attention only.
        """
        modules = list(self.named_modules())
        found: dict[str, tuple[nn.Module, str]] = {
            f"{name}.{part}": (module, part)
            for name, module in modules
            if isinstance(module, Attention)
            for part in PROJECTIONS
        }
        for name, module in modules if feed_forward else ():
            if isinstance(module, EncoderLayer):
                found |= {f"{name}.feed_forward.{i}": (module.feed_forward, i) for i in ("0", "2")}
        return found

    def logits(self, hidden: Tensor) -> Tensor:
        """Project (..., width) to scores of the vocabulary, (..., vocabulary)."""
        return F.linear(hidden, self.decoder.embedding.weight)
