"""The servers of all models, as sessions share them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from media.images.decoder import ImageDecoder
from media.images.picture_log import PictureLimits
from media.pipeline.interfaces import (
    FinalPass,
    FrameFilter,
    SpeechRecognizer,
    SpeechSynthesizer,
    VideoAssistant,
    VideoGenerator,
)
from media.pipeline.models.answerer import Answerer, PackagedAnswerer
from media.pipeline.models.answering import AssistantServer
from media.pipeline.models.files import FileTranscriber
from media.pipeline.models.generation import GenerationServer, GenerationSlots
from media.pipeline.models.hearing import (
    DetectionServer,
    FinalPassServer,
    RecognitionServer,
    SpeakerServer,
    TurnRecognizer,
)
from media.pipeline.models.languages import ENGLISH, Hearing, LanguageServers, LazyMultilingual
from media.pipeline.models.speaking import SpeechServer
from media.servers.device import JobQueue, RunsJobs
from media.servers.gathering_server import GatheringServer
from media.servers.server import ModelServer
from media.servers.urgency import SPEECH, Urgency
from media.worker import Worker
from models.asr.speech_activity import VoiceActivityDetector
from models.asr.whisper.loading import WhisperModel
from models.assistant.phrasebook.conversation import prepare
from models.speakers.tracker import SpeakerTracker
from models.streaming import Stateless, Stepping

S = TypeVar("S")
I = TypeVar("I")
O = TypeVar("O")


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of a service. Without `final_pass` a caption is the streamed transcript.

    `whisper` transcribes files. `recognizer` and `final_pass` are for English; what is not English
    is for `other_languages`. Without `speakers` voices are not told apart, without `synthesizer`
    nothing is spoken, and without `generator` no video is generated. `other_voices` speak languages
    other than English, by their codes.
    """

    detector: VoiceActivityDetector
    whisper: WhisperModel
    recognizer: SpeechRecognizer
    assistant: VideoAssistant
    final_pass: FinalPass | None = None
    speakers: SpeakerTracker | None = None
    synthesizer: SpeechSynthesizer | None = None
    other_voices: Mapping[str, SpeechSynthesizer] = field(default_factory=dict)
    generator: VideoGenerator | None = None
    other_languages: LazyMultilingual = field(default_factory=LazyMultilingual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What runs the models: `speech` recognizes, the others are for what their names say.

    Voice activity and speech synthesis have threads of their own, as each call takes milliseconds
    and is waited for. One device may do several of these. With `recognition_threads`, one for each
    stream, runs of the networks of recognition are gathered (`GatheringServer`).
    """

    detection: RunsJobs
    synthesis: RunsJobs
    recognition: RunsJobs
    assistant: RunsJobs
    generation: RunsJobs
    recognitions: int = 1  # at the same time
    recognition_threads: Worker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideModel:
    """A model that answers in place of the packaged one, to which `make` is given that.

    It looks at `pictures`, if they are kept.
    """

    make: Callable[[PackagedAnswerer, Worker], Answerer]
    pictures: PictureLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One server a capability, shared by all sessions.

    `media_worker` draws captions over frames, and encodes small pictures and speech. Files of
    clients are parsed by none of these: `images` decodes in processes of its own.
    """

    detector: DetectionServer
    recognizer: RecognitionServer
    assistant: AssistantServer
    answerer: Answerer
    synthesizer: SpeechServer | None
    final_pass: FinalPassServer | None
    speakers: SpeakerServer | None
    generation: GenerationServer | None
    files: FileTranscriber
    languages: LanguageServers
    media_worker: Worker
    images: ImageDecoder
    frame_filter: FrameFilter | None = None
    queues: Mapping[str, JobQueue] = field(default_factory=dict)
    other_voices: Mapping[str, SpeechServer] = field(default_factory=dict)

    def voice(self, language: str) -> SpeechServer | None:
        """Return what speaks `language`."""
        return self.synthesizer if language == ENGLISH else self.other_voices.get(language)

    def speech_wait(self, seconds: float) -> float:
        """Return how long recognition waited for its device in the mean of the last `seconds`."""
        return self.recognizer.queue.mean_wait(SPEECH, seconds)


def make_services(
    models: Models,
    devices: Devices,
    *,
    media_worker: Worker,
    images: ImageDecoder,
    drawings: int = 1,
    outside: OutsideModel | None = None,
    frame_filter: FrameFilter | None = None,
) -> Services:
    """Return the servers of `models`; up to `drawings` sessions generate video at once.

    With `outside` another model answers, and the assistant only looks and remembers. Video that
    comes back passes through `frame_filter`. The phrases of languages, which sessions share, are
    read here: no session waits for them.
    """
    prepare()
    queues: dict[str, JobQueue] = {}

    def queue(name: str, device: RunsJobs, parallel: int = 1) -> JobQueue:
        queues[name] = JobQueue(device, name, parallel=parallel)
        return queues[name]

    recognition = queue("recognition", devices.recognition, devices.recognitions)
    # Speech need not wait until a piece of a file is done, if there is another slot.
    files = queue("files", devices.recognition, max(1, devices.recognitions - 1))

    def speech(model: Stepping[S, I, O], urgency: Urgency) -> ModelServer[S, I, O]:
        threads = devices.recognition_threads
        if threads is None:
            return ModelServer(model, recognition, urgency)
        return GatheringServer(model, recognition, urgency, threads)

    detection = queue("detection", devices.detection)
    assistant = AssistantServer(
        models.assistant,
        queue("looks", devices.assistant),
        queue("answers", devices.assistant),
        None if outside is None else outside.pictures,
    )
    packaged = PackagedAnswerer(assistant, images)
    generator, synthesizer, final = models.generator, models.synthesizer, models.final_pass
    english = Hearing(
        speech(TurnRecognizer(models.recognizer), Urgency.INTERIM_CAPTION),
        None if final is None else speech(Stateless(final.transcribe), Urgency.FINAL_CAPTION),
    )
    other = models.other_languages
    speaking = queue("speech", devices.synthesis)
    return Services(
        detector=ModelServer(models.detector, detection, Urgency.TURNS),
        recognizer=english.recognizer,
        final_pass=english.final_pass,
        speakers=None
        if models.speakers is None
        else ModelServer(models.speakers, queue("speakers", devices.detection), Urgency.TURNS),
        files=FileTranscriber(models.whisper, models.detector, files, other, models.speakers),
        languages=LanguageServers(english, other, speech),
        assistant=assistant,
        answerer=packaged if outside is None else outside.make(packaged, media_worker),
        synthesizer=None if synthesizer is None else SpeechServer(synthesizer, speaking),
        other_voices={
            language: SpeechServer(voice, speaking)
            for language, voice in models.other_voices.items()
        },
        generation=None
        if generator is None
        else GenerationServer(
            generator, queue("generation", devices.generation), GenerationSlots(drawings)
        ),
        media_worker=media_worker,
        images=images,
        frame_filter=frame_filter,
        queues=queues,
    )
