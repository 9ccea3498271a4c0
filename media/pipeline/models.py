"""The loaded models and their workers, as sessions share them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.images.decoder import ImageDecoder
from media.pipeline.interfaces import (
    FinalPass,
    SpeechRecognizer,
    SpeechSynthesizer,
    VideoAssistant,
    VideoGenerator,
)
from media.worker import Worker, finish
from models.asr.speech_activity import VoiceActivityDetector


class GenerationSlots:
    """Limits how many sessions generate video at once; for one event loop."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._taken = 0

    def acquire(self) -> bool:
        """Take a slot; return False if none is free."""
        if self._taken >= self.count:
            return False
        self._taken += 1
        return True

    def release(self) -> None:
        self._taken -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationService:
    """The video generator, its worker, and the slots of the sessions that use it."""

    generator: VideoGenerator
    worker: Worker
    slots: GenerationSlots


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The models and their workers, shared by all sessions.

    Calls on one worker wait for each other, so each kind of work has its own, and files of clients
    are parsed by none of them: `images` decodes in processes of its own. Without `final_pass`
    the caption of a turn is the streamed transcript. Without `generation` no video is generated.
    """

    detector: VoiceActivityDetector
    recognizer: SpeechRecognizer
    assistant: VideoAssistant
    synthesizer: SpeechSynthesizer | None
    vad_worker: Worker
    asr_worker: Worker
    vision_worker: Worker
    answer_worker: Worker
    tts_worker: Worker
    overlay_worker: Worker
    images: ImageDecoder
    final_pass: FinalPass | None = None
    generation: GenerationService | None = None

    async def open_memory(self, folder: Path | None, *, durable: bool = False) -> Any:
        """Open the memory in `folder`. If the caller is cancelled, it is closed again.

        A `durable` memory survives the process, see `VideoAssistant`.

        Raises:
            StoreError: the memory cannot be opened, or is in use.
        """
        return await finish(
            self.vision_worker.run(self.assistant.init_state, folder, durable=durable),
            self.close_memory,
        )

    async def close_memory(self, memory: Any) -> None:
        """Close `memory`. A cancelled caller still waits until it is closed.

        Raises:
            StoreError: blocks in RAM could not be written.
        """
        await finish(self.vision_worker.run(self.assistant.close, memory))
