"""Text to speech in English with hibari-tts, a small model for CPUs with a packaged voice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

SEED = 0  # of the breath noise: the same text gives the same samples


class HibariSynthesizer:
    """The packaged voice "heart" (American English), mono float32 at 24 kHz."""

    rate = 24_000
    name = "heart"

    def __init__(self) -> None:
        try:
            from hibari import Hibari  # loads onnxruntime: slow to import
        except ImportError as error:
            raise ModelError("hibari-tts is not installed: run ./eyeline doctor") from error
        self._tts: Any = Hibari(voice=self.name)  # untyped library

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return `text` as samples; none or silence if it has no words."""
        samples = np.asarray(self._tts(text, seed=SEED), np.float32)
        return np.clip(samples, -1.0, 1.0)
