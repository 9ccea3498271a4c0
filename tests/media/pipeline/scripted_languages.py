"""A multilingual model whose output can be worked out by hand."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from media.pipeline.interfaces import Samples
from media.pipeline.models.languages import LazyMultilingual
from models.asr.languages.live_translation import EnglishText
from models.asr.languages.multilingual import Multilingual
from models.asr.whisper.decode import DetectedLanguage
from models.asr.words import RATE, RecognizedWord
from tests.media.pipeline.scripted import BLOCK, BlockRecognizer


class LanguageRecognizer(BlockRecognizer):
    """Recognizes " de3" in the fourth block of 0.2 s of German, if that is loud."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def _words(self, samples: Samples, count: int) -> tuple[RecognizedWord, ...]:
        words = super()._words(samples, count)
        return tuple(
            RecognizedWord(word.text.replace("w", self._language), word.start, word.end)
            for word in words
        )


class CountingTranslator:
    """Translates sound as the number of its blocks: all but the last are stable."""

    def init_state(self) -> Samples:
        return np.zeros(0, np.float32)

    def step(self, state: Samples, samples: Samples) -> tuple[Samples, Sequence[EnglishText]]:
        sound = np.concatenate([state, samples])
        count = len(sound) // BLOCK
        return sound, [EnglishText(" e" * (count - 1), " e")]

    def flush(self, state: Samples, last: Samples | None = None) -> Sequence[EnglishText]:
        sound = state if last is None else np.concatenate([state, last])
        return [EnglishText(f" {len(sound) / RATE:.1f} s of English", "")]


class ScriptedMultilingual:
    """Detects `found`, one language after another, and keeps what it listened to."""

    def __init__(self, found: Sequence[DetectedLanguage] = ()) -> None:
        self.languages = ("en", "de", "fr")
        self.heard: list[int] = []
        self._found = list(found)
        self.detector = self

    def detect(self, samples: Samples) -> DetectedLanguage:
        self.heard.append(len(samples))
        return self._found.pop(0)

    def recognizer(self, language: str) -> LanguageRecognizer:
        if language not in self.languages:
            raise ValueError(f"no language {language!r}")
        return LanguageRecognizer(language)

    def final_pass(self, language: str) -> None:
        return None

    def translator(self, language: str) -> CountingTranslator:
        return CountingTranslator()


def lazy(model: ScriptedMultilingual) -> LazyMultilingual:
    """Return `model` as one that is loaded when it is first needed."""
    made = cast("Multilingual", model)
    return LazyMultilingual(model.languages, lambda: made, about="a scripted model")
