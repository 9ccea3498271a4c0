"""The servers of all models, as sessions share them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from media.images.decoder import ImageDecoder
from media.pipeline.interfaces import (
    FinalPass,
    SpeechRecognizer,
    SpeechSynthesizer,
    VideoAssistant,
    VideoGenerator,
)
from media.pipeline.models.answering import AssistantServer
from media.pipeline.models.generation import GenerationServer, GenerationSlots
from media.pipeline.models.hearing import (
    DetectionServer,
    FinalPassServer,
    RecognitionServer,
    TurnRecognizer,
)
from media.pipeline.models.speaking import SpeechServer
from media.servers.device import JobQueue, RunsJobs
from media.servers.server import ModelServer
from media.servers.urgency import SPEECH, Urgency
from media.worker import Worker
from models.asr.speech_activity import VoiceActivityDetector
from models.streaming import Stateless


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of a service. Without `final_pass` a caption is the streamed transcript.

    Without `synthesizer` nothing is spoken, and without `generator` no video is generated.
    """

    detector: VoiceActivityDetector
    recognizer: SpeechRecognizer
    assistant: VideoAssistant
    final_pass: FinalPass | None = None
    synthesizer: SpeechSynthesizer | None = None
    generator: VideoGenerator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What runs the models: `speech` recognizes, the others are for what their names say.

    Voice activity and speech synthesis have threads of their own, as each call takes milliseconds
    and is waited for. One device may do several of these.
    """

    detection: RunsJobs
    synthesis: RunsJobs
    recognition: RunsJobs
    assistant: RunsJobs
    generation: RunsJobs
    recognitions: int = 1  # at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One server a capability, shared by all sessions.

    `media_worker` draws captions over frames, and encodes small pictures and speech. Files of
    clients are parsed by none of these: `images` decodes in processes of its own.
    """

    detector: DetectionServer
    recognizer: RecognitionServer
    assistant: AssistantServer
    synthesizer: SpeechServer | None
    final_pass: FinalPassServer | None
    generation: GenerationServer | None
    media_worker: Worker
    images: ImageDecoder
    queues: Mapping[str, JobQueue] = field(default_factory=dict)

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
) -> Services:
    """Return the servers of `models`; up to `drawings` sessions generate video at once."""
    queues: dict[str, JobQueue] = {}

    def queue(name: str, device: RunsJobs, parallel: int = 1) -> JobQueue:
        queues[name] = JobQueue(device, name, parallel=parallel)
        return queues[name]

    recognition = queue("recognition", devices.recognition, devices.recognitions)
    generator, synthesizer, final = models.generator, models.synthesizer, models.final_pass
    return Services(
        detector=ModelServer(models.detector, queue("detection", devices.detection), Urgency.TURNS),
        recognizer=ModelServer(
            TurnRecognizer(models.recognizer), recognition, Urgency.INTERIM_CAPTION
        ),
        final_pass=None
        if final is None
        else ModelServer(Stateless(final.transcribe), recognition, Urgency.FINAL_CAPTION),
        assistant=AssistantServer(
            models.assistant,
            queue("looks", devices.assistant),
            queue("answers", devices.assistant),
        ),
        synthesizer=None
        if synthesizer is None
        else SpeechServer(synthesizer, queue("speech", devices.synthesis)),
        generation=None
        if generator is None
        else GenerationServer(
            generator, queue("generation", devices.generation), GenerationSlots(drawings)
        ),
        media_worker=media_worker,
        images=images,
        queues=queues,
    )
