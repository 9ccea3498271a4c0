"""Whisper's encoder made causal: each block of audio is encoded once and attends to the past.

A frame attends to its own block and all blocks before it, so keys and values of the past can be
cached. `encode_masked` computes the same for a whole clip under a mask: the reference for tests,
and for training.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.whisper.whisper import Encoder, EncoderLayer, KeyValue, Whisper

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
    for layer in _layers(encoder):
        x, _ = _attend(layer, x, None, mask)
    normed: Tensor = encoder.norm(x)
    return normed


@dataclass(frozen=True, slots=True, eq=False)
class CausalEncoderState:
    """The state of a stream, for a batch of one.

    `mel` (1, mels, n) and `conv` (1, width, n) are the ends of the convolutions' inputs;
    `waiting` (1, n, width) are the frames of a block that is not full; `past` holds keys and
    values of `position` frames, a pair for each layer.
    """

    mel: Tensor
    conv: Tensor
    waiting: Tensor
    past: tuple[KeyValue, ...]
    position: int


class CausalEncoder:
    """Scaled log-mel frames in, encoded blocks out, each once its last frame is known.

    A block needs the audio until 12.5 ms after it ends. A stream has at most `audio_context`
    frames, 30 s; then its caller begins a new state.
    """

    def __init__(self, model: Whisper, blocks: BlockSizes) -> None:
        if max(blocks.first, blocks.chunk) > model.config.audio_context:
            raise ValueError(f"a block of {blocks} is longer than the model's window")
        self.model = model
        self.blocks = blocks

    def init_state(self) -> CausalEncoderState:
        config, like = self.model.config, self.model.encoder.positions
        zeros = like.new_zeros
        # One frame of zeros before the first, as the convolutions are padded offline.
        return CausalEncoderState(
            mel=zeros(1, config.mels, 1),
            conv=zeros(1, config.audio_width, 1),
            waiting=zeros(1, 0, config.audio_width),
            past=(),
            position=0,
        )

    def step(
        self, state: CausalEncoderState, mel: Tensor
    ) -> tuple[CausalEncoderState, list[Tensor]]:
        """Consume (mels, n) and return the blocks that became full, each (frames, width).

        Raises:
            ValueError: the stream is longer than the model has positions for.
        """
        mel_tail, conv_tail, fresh = self._convolve(state.mel, state.conv, mel[None])
        waiting = torch.cat([state.waiting, fresh], 1)
        past, position = state.past, state.position
        done: list[Tensor] = []
        while waiting.shape[1] >= (size := self.blocks.size(position)):
            encoded, past = self._encode(waiting[:, :size], past, position)
            waiting, position = waiting[:, size:], position + size
            done.append(encoded)
        return CausalEncoderState(mel_tail, conv_tail, waiting, past, position), done

    def flush(self, state: CausalEncoderState) -> list[Tensor]:
        """Return the last block, shorter than the others, as if zeros followed."""
        end = state.mel.new_zeros(1, state.mel.shape[1], 1)
        mel = torch.cat([state.mel, end], 2)
        conv = state.conv
        if mel.shape[2] >= 3:
            conv = torch.cat([conv, F.gelu(_valid(self.model.encoder.conv1, mel, 1))], 2)
        conv = torch.cat([conv, conv.new_zeros(1, conv.shape[1], 1)], 2)
        waiting = state.waiting
        if conv.shape[2] >= 3:
            fresh = F.gelu(_valid(self.model.encoder.conv2, conv, 2)).transpose(1, 2)
            waiting = torch.cat([waiting, fresh], 1)
        if not waiting.shape[1]:
            return []
        return [self._encode(waiting, state.past, state.position)[0]]

    def _convolve(
        self, mel_tail: Tensor, conv_tail: Tensor, mel: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the tails that both convolutions keep, and the new frames."""
        encoder = self.model.encoder
        mel = torch.cat([mel_tail, mel.to(mel_tail)], 2)
        conv = conv_tail
        if mel.shape[2] >= 3:
            conv = torch.cat([conv, F.gelu(_valid(encoder.conv1, mel, 1))], 2)
            mel = mel[:, :, -2:]
        count = max(0, (conv.shape[2] - 1) // 2)
        if not count:
            return mel, conv, conv.new_zeros(1, 0, conv.shape[1])
        fresh = F.gelu(_valid(encoder.conv2, conv, 2)).transpose(1, 2)
        return mel, conv[:, :, 2 * count :], fresh

    def _encode(
        self, x: Tensor, past: tuple[KeyValue, ...], position: int
    ) -> tuple[Tensor, tuple[KeyValue, ...]]:
        encoder, end = self.model.encoder, position + x.shape[1]
        if end > self.model.config.audio_context:
            raise ValueError(
                f"the stream is longer than the {self.model.config.audio_context} frames that "
                "the model has places for: begin a new state"
            )
        x = x + encoder.positions[position:end]
        grown = []
        for index, layer in enumerate(_layers(encoder)):
            x, seen = _attend(layer, x, past[index] if past else None, None)
            grown.append(seen)
        return encoder.norm(x)[0], tuple(grown)


def _valid(conv: torch.nn.Conv1d, x: Tensor, stride: int) -> Tensor:
    """Convolve without padding."""
    return F.conv1d(x, conv.weight, conv.bias, stride=stride)


def _layers(encoder: Encoder) -> Iterable[EncoderLayer]:
    layers: Iterable[EncoderLayer] = encoder.layers  # type: ignore[assignment]  # ModuleList is untyped
    return layers


def _attend(
    layer: EncoderLayer, x: Tensor, past: KeyValue | None, mask: Tensor | None
) -> tuple[Tensor, KeyValue]:
    """Run one layer; return its output and the keys and values grown by `x`."""
    normed = layer.self_attention_norm(x)
    keys, values = layer.self_attention.keys_values(normed)
    if past is not None:
        keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
    x = x + layer.self_attention(normed, (keys, values), mask)
    fed: Tensor = x + layer.feed_forward(layer.feed_forward_norm(x))
    return fed, (keys, values)
