"""Whisper's encoder and decoder; the caller holds the decoder's state.

This is the network only, without tokenizer, search or files. Modules store nothing about a
stream, so one model serves every session.

Source: Radford et al. 2022, section 2.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

MAX_COLUMNS = 8  # rows of logits that are computed as columns, see `logits`

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


@dataclass(frozen=True, slots=True, eq=False)
class DecoderState:
    """The decoder's keys and values: of the audio (`sound`), and of the tokens so far (`text`)."""

    sound: tuple[KeyValue, ...]
    text: tuple[KeyValue, ...]

    @property
    def length(self) -> int:
        """How many tokens were decoded."""
        return self.text[0][0].shape[2]

    def cut(self, length: int) -> "DecoderState":
        """Return the state as it was after the first `length` tokens."""
        text = tuple((k[:, :, :length], v[:, :, :length]) for k, v in self.text)
        return DecoderState(self.sound, text)

    def select_rows(self, rows: Tensor) -> "DecoderState":
        """Return the state with new rows: row i is the old row `rows[i]`.

        The audio is one row, or the same in every row.
        """
        text = tuple((k[rows], v[rows]) for k, v in self.text)
        sound = tuple(
            (k[:1].expand(len(rows), -1, -1, -1), v[:1].expand(len(rows), -1, -1, -1))
            for k, v in self.sound
        )
        return DecoderState(sound, text)


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
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def keys_values(self, x: Tensor) -> KeyValue:
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x: Tensor, over: KeyValue, mask: Tensor | None = None) -> Tensor:
        """Attend from `x`, (batch, length, width); `mask` is True where a query may attend."""
        seen = F.scaled_dot_product_attention(self.split(self.query(x)), *over, attn_mask=mask)
        mixed: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return mixed

    def scores(self, x: Tensor, keys: Tensor) -> Tensor:
        """Return the scaled products before the softmax, (batch, heads, length, keys)."""
        queries = self.split(self.query(x))
        scale: float = queries.shape[3] ** -0.5
        return queries @ keys.transpose(2, 3) * scale


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

    def decode(
        self, x: Tensor, sound: KeyValue, past: KeyValue | None, mask: Tensor | None
    ) -> tuple[Tensor, KeyValue, Tensor]:
        """Return the output, all keys and values, and the input of cross-attention."""
        normed = self.self_attention_norm(x)
        new = self.self_attention.keys_values(normed)
        if past is not None:
            new = (torch.cat([past[0], new[0]], 2), torch.cat([past[1], new[1]], 2))
        x = x + self.self_attention(normed, new, mask)
        queries = self.cross_attention_norm(x)
        x = x + self.cross_attention(queries, sound)
        return x + self.feed_forward(self.feed_forward_norm(x)), new, queries


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
    """The network: `encode` once for each window of sound, then `decode` token by token."""

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

    def encode(self, mel: Tensor) -> Tensor:
        """Turn log-mel (batch, mels, frames) into hidden frames (batch, frames / 2, width).

        Raises:
            ValueError: the number of mel bins differs, or there are too many frames.
        """
        mels, frames = mel.shape[1:]
        if mels != self.config.mels or frames > 2 * self.config.audio_context:
            raise ValueError(
                f"expected (batch, {self.config.mels}, at most {2 * self.config.audio_context}) "
                f"log-mel frames, got {tuple(mel.shape)}"
            )
        encoded: Tensor = self.encoder(mel)
        return encoded

    def init_state(self, encoded: Tensor) -> DecoderState:
        """Return the decoder's state before any token; `encoded` is (batch, frames, width)."""
        layers: Sequence[DecoderLayer] = self.decoder.layers  # type: ignore[assignment]  # ModuleList is untyped
        return DecoderState(
            tuple(layer.cross_attention.keys_values(encoded) for layer in layers), ()
        )

    def decode(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Decode `tokens`, int64 (batch, count); return hidden vectors (batch, count, width)."""
        hidden, state, _ = self.decode_with_queries(tokens, state)
        return hidden, state

    def decode_with_queries(
        self, tokens: Tensor, state: DecoderState
    ) -> tuple[Tensor, DecoderState, list[Tensor]]:
        """Like `decode`, and return each layer's input to its cross-attention too."""
        past = state.length if state.text else 0
        count = tokens.shape[1]
        mask = None
        if count > 1:
            mask = torch.ones(count, past + count, dtype=torch.bool, device=tokens.device).tril(
                past
            )
        x = self.decoder.embedding(tokens) + self.decoder.positions[past : past + count]
        text, queries = [], []
        for index, layer in enumerate(self.decoder.layers):
            assert isinstance(layer, DecoderLayer)
            before = state.text[index] if past else None
            x, grown, question = layer.decode(x, state.sound[index], before, mask)
            text.append(grown)
            queries.append(question)
        return self.decoder.norm(x), DecoderState(state.sound, tuple(text)), queries

    def logits(self, hidden: Tensor) -> Tensor:
        """Project (..., width) to scores of the vocabulary, (..., vocabulary).

        Up to MAX_COLUMNS rows are computed as columns: on a CPU that reads the table once, in
        5 ms for 2 to 8 columns, instead of 10 ms for each row. A single row is doubled: one
        column would be slower.
        """
        table, count = self.decoder.embedding.weight, hidden.numel() // hidden.shape[-1]
        if torch.is_grad_enabled() or not 0 < count <= MAX_COLUMNS or hidden.is_cuda:
            return F.linear(hidden, table)
        rows = hidden.reshape(count, -1)
        twice = rows.repeat(2, 1) if count == 1 else rows
        scores = (table @ twice.T)[:, :count].T.contiguous()
        return scores.view(*hidden.shape[:-1], -1)

    def cross_scores(
        self, tokens: Tensor, state: DecoderState, heads: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Return the cross-attention scores of `tokens`, int64 (1, count), before the softmax.

        `heads` are pairs of layer and head; the result is (len(heads), count, frames).
        """
        _, _, queries = self.decode_with_queries(tokens, DecoderState(state.sound, ()))
        rows = []
        for index, head in heads:
            layer = self.decoder.layers[index]
            assert isinstance(layer, DecoderLayer)
            rows.append(
                layer.cross_attention.scores(queries[index], state.sound[index][0])[0, head]
            )
        return torch.stack(rows)
