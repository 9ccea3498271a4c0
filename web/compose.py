"""Settings to services: weights, models and the workers that they run on."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from media.pipeline.echo import EchoWatcher
from media.pipeline.limits import Limits
from media.pipeline.services import Services
from media.worker import Worker
from models import weights
from models.asr.local_agreement import LocalAgreement
from models.asr.recogniser import Recogniser, load
from models.asr.vad import SileroVad
from models.speech.hibari import HibariVoice
from web.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What the edges need: the services of a session, and the recogniser for whole files."""

    services: Services
    recogniser: Recogniser
    limits: Limits

    @property
    def notices(self) -> tuple[str, ...]:
        """Return what a person must know about the models: stand-ins and small ones say so."""
        said = [f"captions by Whisper {self.recogniser.name}: a small model, it mishears"]
        if self.services.watcher.stand_in:
            said.append("answers are an echo of the question: no video model is loaded")
        return tuple(said)


def fetch(name: str, folder: Path) -> Path:
    """Return the folder of the weights `name`, fetched first if need be, with a progress bar."""
    progress = weights.terminal_bar(name) if sys.stderr.isatty() else None
    return weights.fetch(name, folder, progress=progress)


@contextmanager
def compose(settings: Settings) -> Iterator[Composed]:
    """Load the models that `settings` name, and end their workers afterwards.

    Raises:
        ModelError: weights cannot be fetched or are not what they should be.
    """
    name = settings.asr_model
    progress = weights.terminal_bar(name) if sys.stderr.isatty() else None
    recogniser = load(name, settings.weights, threads=settings.threads_in_use, progress=progress)
    vad = SileroVad(fetch("silero-vad", settings.weights) / "silero_vad.onnx")
    with ExitStack() as stack:

        def worker(name: str) -> Worker:
            made = Worker(name)
            stack.callback(made.close)
            return made

        services = Services(
            detector=vad,
            recogniser=LocalAgreement(recogniser),
            watcher=EchoWatcher(),
            voice=HibariVoice(),
            ears=worker("ears"),
            scribe=worker("scribe"),
            eyes=worker("eyes"),
            mouth=worker("mouth"),
            hand=worker("hand"),
        )
        yield Composed(services=services, recogniser=recogniser, limits=Limits())
