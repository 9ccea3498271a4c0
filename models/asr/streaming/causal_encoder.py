"""Whisper's encoder made causal: each block of audio is encoded once and attends to the past.

A frame attends to its own block and all blocks before it, so keys and values of the past can be
cached, as `causal_sound` does. `encode_masked` computes the same for a whole clip under a mask: for
training, and as the reference of tests.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.whisper.whisper import EncoderLayer, Whisper

FIRST = 30  # frames of 20 ms in the first block: a first word needs about that much


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSizes:
    """Frames of 20 ms in the first block, and in each block after it."""

    chunk: int
    first: int = FIRST

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.first < 1:
            raise ValueError(f"blocks hold at least one frame, not {self.first} and {self.chunk}")

    def ends(self, frames: int) -> list[int]:
        inner = range(max(self.first, self.chunk), frames, self.chunk)
        return [*inner, frames]

    def size(self, position: int) -> int:
        """Return the size of the block that begins at frame `position`."""
        return self.chunk if position else max(self.first, self.chunk)


def block_mask(frames: int, blocks: BlockSizes) -> Tensor:
    """Return bool (frames, frames): True where the frame of the row may attend."""
    mask = torch.zeros(frames, frames, dtype=torch.bool)
    start = 0
    for end in blocks.ends(frames):
        mask[start:end, :end] = True
        start = end
    return mask


def encode_masked(model: Whisper, mel: Tensor, blocks: BlockSizes | None) -> Tensor:
    """Encode a whole clip under the mask: (batch, mels, n) to (batch, ceil(n / 2), width).

    Without `blocks` every frame attends to all others, as published.

    Raises:
        ValueError: the clip is longer than the model has positions for.
    """
    encoder = model.encoder
    x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).transpose(1, 2)
    frames = x.shape[1]
    if frames > model.config.audio_context:
        raise ValueError(f"{frames} frames, but at most {model.config.audio_context} have places")
    x = x + encoder.positions[:frames]
    mask = None if blocks is None else block_mask(frames, blocks).to(x.device)
    for layer in encoder.layers:
        assert isinstance(layer, EncoderLayer)
        normed = layer.self_attention_norm(x)
        x = x + layer.self_attention(normed, layer.self_attention.keys_values(normed), mask)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
    encoded: Tensor = encoder.norm(x)
    return encoded
