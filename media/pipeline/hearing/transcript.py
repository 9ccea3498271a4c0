"""The transcript of a turn in progress, as the caption stage keeps it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from media.events.hearing import Caption, CaptionWord, ListeningConfig, Translate
from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_language import UNKNOWN, TurnLanguage
from media.pipeline.interfaces import Samples
from media.pipeline.models.hearing import SpeechChunk
from media.pipeline.models.languages import ENGLISH
from media.servers.server import ModelHandle
from models.asr.speech_activity import THRESHOLD, spoken_words
from models.asr.words import RecognizedWord, TranscriptUpdate, join_words
from models.assistant.phrasebook.questions import read_foreign


@dataclass(frozen=True, slots=True)
class WordsAtPause:
    """All words of a turn when it paused, after `frames` of the detector and `committed` words."""

    words: tuple[RecognizedWord, ...]
    frames: int
    committed: int


@dataclass(slots=True, eq=False)
class TurnTranscript:
    """The transcript of a turn in progress; `committed` words are stable, `tentative` are not.

    `speech` are the detector's probabilities of the turn so far, and `vad` its state: no word is
    shown where it hears no speech.
    """

    turn: int
    start: int
    config: ListeningConfig  # as the turn began
    vad: ModelHandle[Any, Samples, float]
    position: int  # in the stream, up to which sound was recognized
    language: TurnLanguage | None = None  # None until it is decided
    asr: ModelHandle[Any, SpeechChunk, TranscriptUpdate] | None = None
    unrecognized: list[Samples] = field(default_factory=list)
    since: float | None = None  # when the first of it could have been recognized
    audio: list[Samples] = field(default_factory=list)  # all of it, for a final pass
    speech: list[float] = field(default_factory=list)
    committed: list[RecognizedWord] = field(default_factory=list)
    tentative: tuple[RecognizedWord, ...] = ()
    at_pause: WordsAtPause | None = None

    @property
    def waiting(self) -> float:
        """How many seconds of sound are not recognized."""
        return sum(map(len, self.unrecognized)) / SAMPLE_RATE

    @property
    def translate(self) -> Translate:
        """When the turn is translated: never if it is in English, or cannot be recognized."""
        english = self.language is None or self.language.code in (ENGLISH, UNKNOWN)
        return "no" if english else self.config.translate

    @property
    def understood(self) -> bool:
        """Whether the turn, once it is over, is a question that needs no translation."""
        text = join_words(self.committed)
        return self.language is not None and read_foreign(text, (self.language.code,)) is not None

    def unrecognized_sound(self) -> Samples | None:
        """Return the sound that is not recognized."""
        return np.concatenate(self.unrecognized) if self.unrecognized else None

    def words_at_pause(self) -> tuple[RecognizedWord, ...] | None:
        """Return the words at the last pause, if nothing was said since."""
        known = self.at_pause
        if known is None or known.committed != len(self.committed):
            return None
        silent = all(probability < THRESHOLD for probability in self.speech[known.frames :])
        return known.words if silent else None

    def update(self, update: TranscriptUpdate) -> None:
        self.committed += spoken_words(update.committed, self.speech)
        self.tentative = tuple(spoken_words(update.tentative, self.speech))
        self.position = max(self.position, self.start + update.position)

    def caption(self, *, end: int | None) -> Caption:
        """Return the caption so far; it is final if the turn's `end` is known."""
        words = [*self.committed, *self.tentative]
        last = end if end is not None else self.start + (words[-1].end if words else 0)
        return Caption(
            turn=self.turn,
            words=tuple(self._placed(word) for word in words),
            stable=len(self.committed),
            start=self.start / SAMPLE_RATE,
            end=last / SAMPLE_RATE,
            heard=self.position / SAMPLE_RATE,
            final=end is not None,
            language=UNKNOWN if self.language is None else self.language.code,
            translated=self.translate == "live"
            or (self.translate == "end" and not self.understood),
        )

    def _placed(self, word: RecognizedWord) -> CaptionWord:
        start, end = self.start + word.start, self.start + word.end
        return CaptionWord(word.text, start / SAMPLE_RATE, end / SAMPLE_RATE)
