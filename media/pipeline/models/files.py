"""Transcripts of whole files, by the models of live speech, which comes first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from media.pipeline.interfaces import Samples
from media.servers.device import JobQueue
from media.servers.queued_engine import RunsAsJobs, run_as_job
from media.servers.urgency import Urgency
from models.asr.offline.transcription import TranscribedPart, transcribe_chunks
from models.asr.speech_activity import VoiceActivityDetector
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.speakers.tracker import SpeakerTracker
from models.speakers.whole_file import FileVoices


class QueuedDetector:
    """A detector of speech whose steps are jobs inside `RunsAsJobs`."""

    def __init__(self, detector: VoiceActivityDetector) -> None:
        self._detector = detector

    def init_state(self) -> Any:  # of the detector
        return self._detector.init_state()

    def step(self, state: Any, chunk: Samples) -> tuple[Any, Sequence[float]]:
        return run_as_job(lambda: self._detector.step(state, chunk))


class FileTranscriber:
    """Transcribes files in pieces, each a job of `queue`: a run of a network.

    The networks of `recognizer` are queued engines. The pieces of a file wait for each other on
    the thread that reads its parts, so that cannot be an event loop's, or one of the device.
    """

    def __init__(
        self,
        recognizer: WhisperModel,
        detector: VoiceActivityDetector,
        queue: JobQueue,
        speakers: SpeakerTracker | None = None,
    ) -> None:
        self.recognizer = recognizer
        self.detector = QueuedDetector(detector)
        self._queue = queue
        self._speakers = speakers

    def voices(self) -> FileVoices | None:
        """Return what tells the voices of one file apart; None if nothing does."""
        return None if self._speakers is None else FileVoices(self._speakers)

    def parts(
        self,
        chunks: Iterable[Samples],
        *,
        language: str = "",
        check: Callable[[], None] | None = None,
        voices: FileVoices | None = None,
    ) -> Iterator[TranscribedPart]:
        """Yield the words of a recording part by part, see `transcribe_chunks`.

        `voices` hears what is read. `check` is called before each piece, and raises an error if the
        transcript is not wanted any more.

        Raises:
            ValueError: the model does not know the language.
            RuntimeError: the device is closed.
        """
        config = DecodeConfig(language=language or None)

        def hear(samples: Samples, probabilities: Sequence[float]) -> None:
            if voices is not None:
                run_as_job(lambda: voices.hear(samples, probabilities))

        parts = transcribe_chunks(self.recognizer, self.detector, chunks, config=config, hear=hear)
        while True:
            with self.in_pieces(check):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def in_pieces(self, check: Callable[[], None] | None = None) -> RunsAsJobs:
        """Return a block in which networks run as pieces of a file."""
        return RunsAsJobs(self._queue, Urgency.FILE, check=check)
