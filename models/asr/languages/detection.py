"""Which language the first seconds of a turn are in."""

from collections.abc import Collection

import torch

from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.decode import DetectedLanguage, detect_language
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples


class LanguageDetector:
    """Detects one of the languages `among` those given, by Whisper's own language tokens."""

    def __init__(
        self,
        recognizer: WhisperModel,
        among: Collection[str],
        window: ShortWindow | None = None,
    ) -> None:
        self._recognizer = recognizer
        self._among = frozenset(among)
        self._window = window or ShortWindow(recognizer.encoder)

    @torch.inference_mode()
    def detect(self, samples: Samples) -> DetectedLanguage:
        """Return the language of `samples`, float32 (n,) at 16 kHz; after 30 s none is heard."""
        decoder = self._recognizer.decoder
        opened = decoder.open(self._window.encode(samples))
        return detect_language(decoder, self._recognizer.tokenizer, opened, self._among)
