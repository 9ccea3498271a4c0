"""Text to speech in German, Spanish, French and Italian with SVOX Pico, from PyPI py-nanotts.

The package is an extra (`voices`): without it there are no such voices.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

VOICES = {"de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}  # by language


class PicoSynthesizer:
    """The voice of one language, mono float32 at 16 kHz; the package is loaded when it speaks."""

    rate = 16_000

    def __init__(self, language: str) -> None:
        self.name = f"pico-{language}"
        self._voice = VOICES[language]
        self._tts: Any = None  # untyped library

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return `text` as samples; none or silence if it has no words."""
        if self._tts is None:
            self._tts = import_module("py_nanotts").NanoTTS()
        if not text.strip():
            return np.zeros(0, np.float32)
        pcm = self._tts.speak(text, voice=self._voice)
        return np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)


def installed_voices() -> dict[str, PicoSynthesizer]:
    """Return the voices by language; none if the package is not installed."""
    if find_spec("py_nanotts") is None:
        return {}
    return {language: PicoSynthesizer(language) for language in VOICES}
