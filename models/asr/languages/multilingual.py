"""One multilingual Whisper in all its roles: it recognizes, detects and translates languages.

Streams are recognized by LocalAgreement: the adapters of the causal models, and ANCAT, were trained
on English alone.
"""

from collections.abc import Collection

from models.asr.languages.detection import LanguageDetector
from models.asr.languages.live_translation import LiveTranslation
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.turn_end_only import TurnEndOnly
from models.asr.speech_activity import VoiceActivityDetector
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.loading import WhisperModel


class Multilingual:
    """The parts of `whisper` by language; sessions share them.

    A language is detected among `languages`. With `turn_end_only` there are no interim captions,
    with `final` whole turns are transcribed once more when they are over.

    Raises:
        ValueError: the model knows English only.
    """

    def __init__(
        self,
        whisper: WhisperModel,
        voice: VoiceActivityDetector,
        languages: Collection[str],
        *,
        turn_end_only: bool = False,
        final: bool = False,
    ) -> None:
        if not whisper.tokenizer.languages:
            raise ValueError(f"{whisper.name} knows English only")
        self.whisper = whisper
        self.languages = tuple(languages)
        self._voice = voice
        self._turn_end_only = turn_end_only
        self._final = final
        self._window = ShortWindow(whisper.encoder)
        self._agreement = LocalAgreement(whisper, voice, window=self._window)
        self.detector = LanguageDetector(whisper, languages, self._window)

    def recognizer(self, language: str) -> LocalAgreement | TurnEndOnly:
        """Return a streaming recognizer of `language`.

        Raises:
            ValueError: the model does not know it.
        """
        if self._turn_end_only:
            return TurnEndOnly(WhisperFinalPass(self.whisper, self._voice, language=language))
        return self._agreement.in_language(language)

    def final_pass(self, language: str) -> WhisperFinalPass | None:
        """Return the offline model for whole turns in `language`, None if there is no such pass."""
        if not self._final or self._turn_end_only:
            return None
        return WhisperFinalPass(self.whisper, self._voice, language=language)

    def translator(self, language: str) -> LiveTranslation:
        """Return a translator from `language` to English.

        Raises:
            ValueError: the model does not know it.
        """
        return LiveTranslation(self.whisper, self._voice, language, self._window)
