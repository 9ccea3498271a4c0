"""A recognizer for who can wait: nothing while a turn goes on, all of its words at the end."""

from collections.abc import Sequence

import numpy as np

from models.asr.streaming.final_pass import WhisperFinalPass
from models.asr.whisper.mel import Samples
from models.asr.words import TranscriptUpdate


class TurnEndOnly:
    """Streams in form only; the state is the sound so far, float32 (n,)."""

    def __init__(self, final: WhisperFinalPass) -> None:
        self._final = final

    def init_state(self) -> Samples:
        return np.zeros(0, np.float32)

    def step(
        self, state: Samples, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[Samples, Sequence[TranscriptUpdate]]:
        """Keep the sound; `hurry` makes no difference."""
        return np.concatenate([state, samples], dtype=np.float32), ()

    def flush(self, state: Samples, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        sound = state if last is None else np.concatenate([state, last], dtype=np.float32)
        return [TranscriptUpdate(tuple(self._final.transcribe(sound)), (), len(sound))]
