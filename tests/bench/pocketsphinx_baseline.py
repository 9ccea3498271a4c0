"""A peer of another kind: PocketSphinx with the American English model that comes with it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

FILLERS = ("<s>", "</s>", "<sil>", "[NOISE]")


class PocketSphinxStream:
    """One stream at a time: the decoder is its own state; `position` counts samples."""

    def __init__(self) -> None:
        self._decoder: Any = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")

    def init_state(self) -> int:
        self._decoder.start_utt()
        return 0

    def step(
        self, state: int, samples: NDArray[np.float32]
    ) -> tuple[int, Sequence[TranscriptUpdate]]:
        raw = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        self._decoder.process_raw(raw)
        state += len(samples)
        return state, [TranscriptUpdate((), self._words(), state)]

    def flush(self, state: int) -> Sequence[TranscriptUpdate]:
        self._decoder.end_utt()
        return [TranscriptUpdate(self._words(), (), state)]

    def _words(self) -> tuple[RecognizedWord, ...]:
        hypothesis = self._decoder.hyp()
        spoken = hypothesis.hypstr.split() if hypothesis else []
        return tuple(RecognizedWord(" " + word, 0, 0) for word in spoken if word not in FILLERS)
