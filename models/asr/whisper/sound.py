"""A window of sound as the decoder hears it, and the encoder that makes it."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.whisper import KeyValue, WhisperConfig
from models.engine import Engine


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSound:
    """Keys and values of the decoder's cross-attention, a pair for each layer.

    Each is (1, heads, frames, width of a head), of the type of the engines.
    """

    layers: tuple[KeyValue, ...]

    @property
    def frames(self) -> int:
        return self.layers[0][0].shape[2]

    def extended(self, later: "EncodedSound") -> "EncodedSound":
        """Return the sound with the frames of `later` after it."""
        pairs = zip(self.layers, later.layers, strict=True)
        return EncodedSound(
            tuple((torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)) for a, b in pairs)
        )

    def to(self, device: torch.device) -> "EncodedSound":
        """Return the sound on `device`."""
        return EncodedSound(tuple((k.to(device), v.to(device)) for k, v in self.layers))

    def until(self, frames: int) -> "EncodedSound":
        """Return the first `frames` frames of the sound."""
        return EncodedSound(tuple((k[:, :, :frames], v[:, :, :frames]) for k, v in self.layers))

    def after(self, frames: int) -> "EncodedSound":
        """Return the sound without its first `frames` frames."""
        return EncodedSound(tuple((k[:, :, frames:], v[:, :, frames:]) for k, v in self.layers))

    @property
    def tensors(self) -> Iterable[Tensor]:
        """Keys and values, layer by layer."""
        return (each for pair in self.layers for each in pair)


def sound_of(outputs: Iterable[Tensor]) -> EncodedSound:
    """Return the sound of `outputs`: keys and values, layer by layer."""
    each = iter(outputs)
    return EncodedSound(tuple(zip(each, each, strict=True)))


class WhisperEncoder:
    """Whisper's encoder, run by an engine; shared by all sessions."""

    def __init__(self, config: WhisperConfig, engine: Engine) -> None:
        self.config = config
        self._engine = engine

    def encode(self, mel: Tensor) -> EncodedSound:
        """Turn log-mel (mels, 2 * frames) into the sound of `frames` frames.

        Raises:
            ValueError: the number of mel bins differs, or there are too many frames.
        """
        mels, frames = mel.shape
        limit = 2 * self.config.audio_context
        if mels != self.config.mels or frames > limit or frames % 2:
            raise ValueError(
                f"expected ({self.config.mels}, at most {limit}, even) log-mel frames, "
                f"got {tuple(mel.shape)}"
            )
        return sound_of(self._engine.run({"mel": mel[None]}).values())
