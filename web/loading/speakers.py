"""Loading of the speaker encoder: when the first voice is heard, as many services hear one only."""

import logging
import threading
from collections.abc import Callable

from models.asr.speech_activity import Samples
from models.speakers.clustering import Floats
from models.speakers.encoder import load_encoder
from models.speakers.tracker import EmbedsVoices, SpeakerTracker
from web.config import Settings

logger = logging.getLogger(__name__)


class EncoderAtFirstUse:
    """An encoder that is loaded by the first thread that embeds something."""

    def __init__(self, load: Callable[[], EmbedsVoices]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._encoder: EmbedsVoices | None = None

    def embed(self, windows: Samples) -> Floats:
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
                logger.info("loaded the speaker encoder")
        return self._encoder.embed(windows)


def load_speakers(settings: Settings) -> SpeakerTracker | None:
    """Return what tells voices apart; None if the settings switch it off."""
    if not settings.speakers:
        return None
    encoder = EncoderAtFirstUse(lambda: load_encoder(settings.weights))
    return SpeakerTracker(encoder, max_speakers=settings.max_speakers)
