"""Whisper's encoder and decoder as networks that are exported.

The encoder turns log-mel into the keys and values of the decoder's cross-attention, which are all
that the decoder needs of the sound. A pass of the decoder reads tokens of any number of hypotheses
over the same sound: they share one cache of text, and a mask says which slots each token sees.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr.whisper.checkpoint import AlignmentHeads
from models.asr.whisper.whisper import (
    Attention,
    Decoder,
    DecoderLayer,
    EncoderLayer,
    Whisper,
    WhisperConfig,
)
from models.engine import (
    DimensionRange,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    update_cache,
)

MAX_BATCH = 16  # windows or sounds in one pass


def sound_names(config: WhisperConfig) -> list[str]:
    """Return the names of the keys and values of the sound, layer by layer."""
    return [
        f"sound_{kind}.{layer}"
        for layer in range(config.text_layers)
        for kind in ("keys", "values")
    ]


def sound_specs(config: WhisperConfig) -> tuple[TensorSpec, ...]:
    """Return the keys and values of the sound for each layer of the decoder."""
    shape = ("batch", config.text_heads, "frames", config.text_width // config.text_heads)
    return tuple(TensorSpec(name, torch.float32, shape, inner=True) for name in sound_names(config))


def encoder_spec(config: WhisperConfig) -> EngineSpec:
    """Return the tensors of the encoder: `mel` (batch, mels, 2 * frames) in, the sound out."""
    context = config.audio_context
    return EngineSpec(
        name="whisper-encoder",
        inputs=(TensorSpec("mel", torch.float32, ("batch", config.mels, "2*frames")),),
        outputs=sound_specs(config),
        profiles=(
            {
                "batch": DimensionRange(1, 1, MAX_BATCH),
                "frames": DimensionRange(2, context, context),
            },
        ),
    )


class SoundProjections(nn.Module):
    """The keys and values of the cross-attention of all layers of a decoder."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.attentions = nn.ModuleList()
        for layer in decoder.layers:
            assert isinstance(layer, DecoderLayer)
            self.attentions.append(layer.cross_attention)

    def forward(self, encoded: Tensor) -> tuple[Tensor, ...]:
        """Return them layer by layer, for `encoded` (batch, frames, width)."""
        found: list[Tensor] = []
        for attention in self.attentions:
            assert isinstance(attention, Attention)
            found += attention.keys_values(encoded)
        return tuple(found)


class WhisperEncoderNetwork(ExportableNetwork):
    """The encoder, and the projections of the decoder's cross-attention."""

    def __init__(self, network: Whisper) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.projections = SoundProjections(network.decoder)
        self.spec = encoder_spec(network.config)

    def forward(self, mel: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = self.projections(self.encoder(mel))
        return found


def attend_cached(
    layer: EncoderLayer, x: Tensor, caches: Sequence[Tensor], start: Tensor, visible: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the self-attention of a layer over its cached keys and values.

    `x` (batch, count, width) is cached from the slots `start` on, and sees the slots that are True
    in `visible`. Returns the new `x`, and the updated caches of keys and values.
    """
    normed = layer.self_attention_norm(x)
    fresh = layer.self_attention.keys_values(normed)
    keys, values = (update_cache(old, new, start) for old, new in zip(caches, fresh, strict=True))
    return x + layer.self_attention(normed, (keys, values), visible), keys, values


def decoder_spec(config: WhisperConfig, heads: AlignmentHeads) -> EngineSpec:
    """Return the tensors of the decoder.

    `tokens` stand at `positions` of their texts, are cached in slots from `start` on, and see the
    slots that are True in `visible`. `logits` are the scores of the vocabulary after the tokens
    with the indexes `scored`. `queries` are those of the alignment `heads`, for all tokens.
    """
    slots, width = config.text_context, config.text_width // config.text_heads
    cache = ("batch", config.text_heads, slots, width)
    several = {
        "batch": DimensionRange(1, 1, MAX_BATCH),
        "frames": DimensionRange(1, config.audio_context, config.audio_context),
        "count": DimensionRange(1, min(64, slots), slots),
        "scored": DimensionRange(1, 2, slots),
    }
    single = {**several, "count": DimensionRange(1, 1, 16), "scored": DimensionRange(1, 1, 16)}
    return EngineSpec(
        name="whisper-decoder",
        inputs=(
            TensorSpec("tokens", torch.int64, ("batch", "count")),
            TensorSpec("positions", torch.int64, ("batch", "count")),
            TensorSpec("start", torch.int64, ("batch",)),
            TensorSpec("visible", torch.bool, ("batch", 1, "count", slots)),
            TensorSpec("scored", torch.int64, ("batch", "scored")),
            *sound_specs(config),
        ),
        outputs=(
            TensorSpec("logits", torch.float32, ("batch", "scored", config.vocabulary)),
            TensorSpec("queries", torch.float32, ("batch", len(heads), "count", width)),
        ),
        state=tuple(
            TensorSpec(f"{kind}.{layer}", torch.float32, cache)
            for layer in range(config.text_layers)
            for kind in ("keys", "values")
        ),
        profiles=(several, single),
    )


class WhisperDecoderNetwork(ExportableNetwork):
    """The decoder: a pass over new tokens; the embedding is also the output layer."""

    def __init__(self, network: Whisper, heads: AlignmentHeads) -> None:
        super().__init__()
        self.decoder = network.decoder
        self.heads = heads
        self.spec = decoder_spec(network.config, heads)

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        start: Tensor,
        visible: Tensor,
        scored: Tensor,
        *sound_and_caches: Tensor,
    ) -> tuple[Tensor, ...]:
        decoder, count = self.decoder, 2 * len(self.decoder.layers)
        sound, caches = sound_and_caches[:count], sound_and_caches[count:]
        x = decoder.embedding(tokens) + F.embedding(positions, decoder.positions)
        queries: dict[tuple[int, int], Tensor] = {}
        updated: list[Tensor] = []
        for index, layer in enumerate(decoder.layers):
            assert isinstance(layer, DecoderLayer)
            x, *cached = attend_cached(layer, x, caches[2 * index : 2 * index + 2], start, visible)
            updated += cached
            attention = layer.cross_attention
            asked = attention.split(attention.query(layer.cross_attention_norm(x)))
            queries |= {(at, head): asked[:, head] for at, head in self.heads if at == index}
            heard = F.scaled_dot_product_attention(asked, sound[2 * index], sound[2 * index + 1])
            x = x + attention.out(heard.transpose(1, 2).flatten(2))
            x = x + layer.feed_forward(layer.feed_forward_norm(x))
        rows = x.gather(1, scored[:, :, None].expand(-1, -1, x.shape[2]))
        logits = F.linear(decoder.norm(rows), decoder.embedding.weight)
        return logits, torch.stack([queries[head] for head in self.heads], 1), *updated
