"""A recognizer that transcribes a turn at its end, without interim captions."""

from collections.abc import Sequence

import numpy as np

from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.whisper.mel import Samples
from models.asr.words import TranscriptUpdate


class TurnEndOnly:
    """Collects the audio of a turn; the state is float32 (n,)."""

    def __init__(self, final: WhisperFinalPass) -> None:
        self._final = final

    def init_state(self) -> Samples:
        return np.zeros(0, np.float32)

    def step(
        self, state: Samples, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[Samples, Sequence[TranscriptUpdate]]:
        """Keep the samples; `skip_interim` makes no difference."""
        return np.concatenate([state, samples], dtype=np.float32), ()

    def flush(self, state: Samples, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        sound = state if last is None else np.concatenate([state, last], dtype=np.float32)
        return [TranscriptUpdate(tuple(self._final.transcribe(sound)), (), len(sound))]
