"""The final pass: an offline Whisper transcribes a turn once it is over, as it would a file.

A stream transcribes each moment before the next one is known. When a turn is over, the offline
model transcribes all of it with beam search. (Greedy decoding in a short window costs half as
much, and once ended after the first of four sentences.)
"""

from models.asr.offline.transcription import transcribe
from models.asr.speech_activity import VoiceActivityDetector
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples
from models.asr.whisper.tokenizer import Task
from models.asr.words import RecognizedWord

NO_SPEECH = 0.7  # above this "no speech" probability there are no words


class WhisperFinalPass:
    """Transcribes whole turns in `language`, or the one that it detects; shared by all sessions."""

    def __init__(
        self,
        recognizer: WhisperModel,
        detector: VoiceActivityDetector,
        *,
        language: str | None = None,
        task: Task = "transcribe",
    ) -> None:
        self.recognizer = recognizer
        self._detector = detector
        self._config = DecodeConfig(silence=NO_SPEECH, language=language, task=task)

    def transcribe(self, samples: Samples) -> list[RecognizedWord]:
        """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz."""
        return transcribe(self.recognizer, self._detector, samples, config=self._config)
