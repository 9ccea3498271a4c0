"""Transcripts of whole files, by the models of live speech, which comes first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

from media.pipeline.interfaces import Samples
from media.pipeline.models.languages import AUTO, ENGLISH, LazyMultilingual
from media.servers.device import JobQueue
from media.servers.queued_engine import RunsAsJobs, run_as_job
from media.servers.urgency import Urgency
from models.asr.offline.speech_audio import SpeechAudio
from models.asr.offline.transcription import TranscribedPart, transcribe_windows
from models.asr.offline.window_transcript import WindowTranscriber
from models.asr.speech_activity import VoiceActivityDetector
from models.asr.whisper.decode import DecodeConfig, DetectedLanguage
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.tokenizer import Task
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


class FileTranscript:
    """The parts of a file's transcript, as an iterator; each piece of it is a job."""

    def __init__(
        self,
        open: Callable[[], WindowTranscriber],
        audio: SpeechAudio,
        in_pieces: Callable[[], RunsAsJobs],
    ) -> None:
        self._open = open
        self._audio = audio
        self._in_pieces = in_pieces
        self._windows: WindowTranscriber | None = None
        self._parts: Iterator[TranscribedPart] = iter(())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TranscribedPart:
        if self._windows is None:
            self._windows = self._open()
            self._parts = transcribe_windows(self._windows.transcribe, self._audio)
        with self._in_pieces():
            return next(self._parts)

    @property
    def detected(self) -> DetectedLanguage | None:
        """The language that was detected in the first words; None if it was given."""
        return None if self._windows is None else self._windows.detected


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
        other_languages: LazyMultilingual,
        speakers: SpeakerTracker | None = None,
    ) -> None:
        self.recognizer = recognizer
        self._other_languages = other_languages
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
        language: str = ENGLISH,
        task: Task = "transcribe",
        check: Callable[[], None] | None = None,
        voices: FileVoices | None = None,
    ) -> "FileTranscript":
        """Return the words of a recording part by part, as an iterator.

        `language` is a code, or AUTO, which detects it. `voices` hears what is read. `check` is
        called before each piece, and raises an error if the transcript is not wanted any more.
        Iteration raises the errors below.

        Raises:
            ModelError: the model of the language cannot be loaded.
            ValueError: it does not know the language.
            RuntimeError: the device is closed.
        """

        def hear(samples: Samples, probabilities: Sequence[float]) -> None:
            if voices is not None:
                run_as_job(lambda: voices.hear(samples, probabilities))

        return FileTranscript(
            lambda: self._transcriber(language, task),
            SpeechAudio(self.detector, iter(chunks), hear),
            lambda: self.in_pieces(check),
        )

    def _transcriber(self, language: str, task: Task) -> WindowTranscriber:
        """Return what transcribes the windows of a recording, with its model loaded."""
        config = DecodeConfig(language=None if language == AUTO else language, task=task)
        if language == ENGLISH and task == "transcribe":
            return WindowTranscriber(self.recognizer, config)
        other = self._other_languages.get()
        return WindowTranscriber(other.whisper, config, other.languages)

    def in_pieces(self, check: Callable[[], None] | None = None) -> RunsAsJobs:
        """Return a block in which networks run as pieces of a file."""
        return RunsAsJobs(self._queue, Urgency.FILE, check=check)
