"""The causal encoder as a network that is exported: a block of log-mel in, its sound out.

A frame of 20 ms needs five frames of log-mel: 2i - 2 to 2i + 2. So a block of n frames takes 2n
frames of log-mel and the three before them. Keys and values of the past are in caches.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.whisper.whisper import EncoderLayer, Whisper, WhisperConfig
from models.asr.whisper.whisper_networks import (
    MAX_BATCH,
    SoundProjections,
    attend_cached,
    sound_specs,
)
from models.engine import (
    DimensionRange,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
)

BEFORE = 3  # frames of log-mel before those of a block


def causal_encoder_spec(config: WhisperConfig) -> EngineSpec:
    """Return the tensors of the causal encoder.

    `mel` are the log-mel frames of a block, after the BEFORE frames `mel_before`. `inside` is 1.0,
    or 0.0 where the block is the first, and where it ends half a frame after the sound does. The
    block has `positions`, is cached from `start` on, and sees the slots that are True in `visible`.
    """
    slots, width = config.audio_context, config.audio_width // config.audio_heads
    cache = ("batch", config.audio_heads, slots, width)
    return EngineSpec(
        name="whisper-causal-encoder",
        inputs=(
            TensorSpec("mel", torch.float32, ("batch", config.mels, "2*frames")),
            TensorSpec("mel_before", torch.float32, ("batch", config.mels, BEFORE)),
            TensorSpec("inside", torch.float32, ("batch", 2)),
            TensorSpec("positions", torch.int64, ("batch", "frames")),
            TensorSpec("start", torch.int64, ("batch",)),
            TensorSpec("visible", torch.bool, ("batch", 1, "frames", slots)),
        ),
        outputs=sound_specs(config),
        state=tuple(
            TensorSpec(f"{kind}.{layer}", torch.float32, cache)
            for layer in range(config.audio_layers)
            for kind in ("keys", "values")
        ),
        profiles=(
            {
                "batch": DimensionRange(1, 1, MAX_BATCH),
                "frames": DimensionRange(1, min(15, slots), slots),
            },
        ),
    )


class CausalEncoderNetwork(ExportableNetwork):
    """Encodes a block, and projects it for the decoder's cross-attention."""

    def __init__(self, network: Whisper) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.projections = SoundProjections(network.decoder)
        self.spec = causal_encoder_spec(network.config)

    def forward(
        self,
        mel: Tensor,
        mel_before: Tensor,
        inside: Tensor,
        positions: Tensor,
        start: Tensor,
        visible: Tensor,
        *caches: Tensor,
    ) -> tuple[Tensor, ...]:
        encoder = self.encoder
        x = torch.cat([mel_before, mel], 2)
        x = F.gelu(F.conv1d(x, encoder.conv1.weight, encoder.conv1.bias))
        first, last = inside[:, None, :1], inside[:, None, 1:]
        x = torch.cat([x[:, :, :1] * first, x[:, :, 1:-1], x[:, :, -1:] * last], 2)
        x = F.gelu(F.conv1d(x, encoder.conv2.weight, encoder.conv2.bias, stride=2))
        x = x.transpose(1, 2) + F.embedding(positions, encoder.positions)
        updated: list[Tensor] = []
        for index, layer in enumerate(encoder.layers):
            assert isinstance(layer, EncoderLayer)
            x, *cached = attend_cached(layer, x, caches[2 * index : 2 * index + 2], start, visible)
            updated += cached
            x = x + layer.feed_forward(layer.feed_forward_norm(x))
        return *self.projections(encoder.norm(x)), *updated
