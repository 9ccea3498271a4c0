"""Speech recognition as a model that is stepped like any other: the end of a turn is a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from media.pipeline.interfaces import Samples, SpeechRecognizer
from media.servers.server import ModelServer
from models.asr.languages.live_translation import EnglishText
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.speakers.clustering import Voices
from models.speakers.tracker import TrackerState
from models.speakers.windows import VoiceChunk


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """The next sound of a turn, mono float32 at 16 kHz; with `last` the turn ends after it.

    With `peek` its words are those of a turn that ends after it, and the turn goes on without it.
    Only these two may have no samples.
    """

    samples: Samples | None
    skip_interim: bool = False
    last: bool = False
    peek: bool = False


class TurnRecognizer:
    """A speech recognizer whose streams are turns."""

    def __init__(self, recognizer: SpeechRecognizer) -> None:
        self._recognizer = recognizer

    def init_state(self) -> Any:  # of the recognizer
        return self._recognizer.init_state()

    def step(self, state: Any, chunk: SpeechChunk) -> tuple[Any, Sequence[TranscriptUpdate]]:
        if chunk.peek:
            kept = state.copy() if hasattr(state, "copy") else state  # if flush would change it
            return state, self._recognizer.flush(kept, chunk.samples)
        if chunk.last:
            return state, self._recognizer.flush(state, chunk.samples)
        assert chunk.samples is not None
        return self._recognizer.step(state, chunk.samples, skip_interim=chunk.skip_interim)


class Translates(Protocol):
    """A streaming translator of one turn: mono float32 at 16 kHz to English."""

    def init_state(self) -> Any: ...

    def step(self, state: Any, samples: Samples) -> tuple[Any, Sequence[EnglishText]]: ...

    def flush(self, state: Any, last: Samples | None = None) -> Sequence[EnglishText]: ...


class TurnTranslator:
    """A translator whose streams are turns."""

    def __init__(self, translator: Translates) -> None:
        self._translator = translator

    def init_state(self) -> Any:  # of the translator
        return self._translator.init_state()

    def step(self, state: Any, chunk: SpeechChunk) -> tuple[Any, Sequence[EnglishText]]:
        if chunk.last:
            return state, self._translator.flush(state, chunk.samples)
        assert chunk.samples is not None
        return self._translator.step(state, chunk.samples)


TranslationServer = ModelServer[Any, SpeechChunk, EnglishText]
RecognitionServer = ModelServer[Any, SpeechChunk, TranscriptUpdate]
FinalPassServer = ModelServer[None, Samples, Sequence[RecognizedWord]]
SpeakerServer = ModelServer[TrackerState, VoiceChunk, Voices]
DetectionServer = ModelServer[Any, Samples, float]
