"""The causal encoder of a stream: each block of log-mel is encoded once, and attends to the past.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.streaming.causal_networks import BEFORE
from models.asr.whisper.sound import EncodedSound, sound_of
from models.asr.whisper.whisper import WhisperConfig
from models.engine import Engine, EngineState


@dataclass(frozen=True, slots=True, eq=False)
class CausalSoundState:
    """The state of a stream after `position` encoded frames.

    `mel` (mels, n) are the log-mel frames that later blocks need, from two before the next block
    on. `caches` hold keys and values of the past.
    """

    mel: Tensor
    caches: EngineState
    position: int


class CausalSoundEncoder:
    """Scaled log-mel frames in, blocks of sound out, each once its last frame is known.

    A block needs the audio until 12.5 ms after it ends. A stream has at most `audio_context`
    frames, 30 s; then its caller begins a new state. `step` and `flush` reuse the caches.
    """

    def __init__(self, config: WhisperConfig, engine: Engine, blocks: BlockSizes) -> None:
        if max(blocks.first, blocks.chunk) > config.audio_context:
            raise ValueError(f"a block of {blocks} is longer than the model's window")
        self.config = config
        self.blocks = blocks
        self._engine = engine

    def init_state(self) -> CausalSoundState:
        # Frames of zeros before the first, as the convolutions are padded offline.
        before = torch.zeros(self.config.mels, BEFORE - 1)
        return CausalSoundState(before, self._engine.new_state(batch=1), 0)

    def step(
        self, state: CausalSoundState, mel: Tensor
    ) -> tuple[CausalSoundState, list[EncodedSound]]:
        """Consume (mels, n) and return the blocks that became full.

        Raises:
            ValueError: the stream is longer than the model has positions for.
        """
        mel, position = torch.cat([state.mel, mel], 1), state.position
        done: list[EncodedSound] = []
        while mel.shape[1] >= 2 * (size := self.blocks.size(position)) + BEFORE:
            done.append(self._encode(mel, state.caches, position, size, ends=False))
            mel, position = mel[:, 2 * size :], position + size
        return CausalSoundState(mel, state.caches, position), done

    def flush(self, state: CausalSoundState) -> list[EncodedSound]:
        """Return the last block, shorter than the others, as if zeros followed."""
        rest = state.mel.shape[1] - (BEFORE - 1)  # log-mel frames that no block has yet
        if rest <= 0:
            return []
        mel = torch.cat([state.mel, state.mel.new_zeros(len(state.mel), BEFORE)], 1)
        size = -(-rest // 2)
        return [self._encode(mel, state.caches, state.position, size, ends=bool(rest % 2))]

    def _encode(
        self, mel: Tensor, caches: EngineState, position: int, size: int, *, ends: bool
    ) -> EncodedSound:
        """Return the block of `size` frames at the begin of `mel`.

        With `ends` its last frame begins with the last log-mel frame of the stream.
        """
        context = self.config.audio_context
        if position + size > context:
            raise ValueError(
                f"the stream is longer than the {context} frames that the model has places for: "
                "begin a new state"
            )
        visible = torch.zeros(1, 1, size, context, dtype=torch.bool)
        visible[..., : position + size] = True
        given = {
            "mel": mel[None, :, BEFORE : BEFORE + 2 * size],
            "mel_before": mel[None, :, :BEFORE],
            "inside": torch.tensor([[float(position > 0), float(not ends)]]),
            "positions": torch.arange(position, position + size)[None],
            "start": torch.tensor([position]),
            "visible": visible,
        }
        return sound_of(self._engine.run(given, caches).values())
