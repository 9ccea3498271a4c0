"""Settings to services: weights, models and the workers that they run on."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from media.events import TurnDetection
from media.pipeline.interfaces import VideoAssistant, VideoGenerator
from media.pipeline.limits import FrameOutput, Limits, Sampling
from media.pipeline.models import GenerationService, GenerationSlots, Services
from media.worker import Worker
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.assistant import small_model as embedded
from models.assistant.scene import perception
from models.assistant.small_assistant import SmallAssistant
from models.errors import WeightsError
from models.memory.kv_store.tiers import StoreBudget
from models.shipped import CHECKPOINTS
from models.speech.hibari import HibariSynthesizer
from models.weights.fetch import Progress, fetch_weights, terminal_bar
from web.asr_loading import load_asr
from web.config import PREFIX, Settings
from web.setting_checks import SMALL, WAN_MODELS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModels:
    """What the edges need: the services of a session, and the recogniser for whole files."""

    services: Services
    whisper: WhisperModel
    limits: Limits
    generation_unavailable: str = "no model that draws is loaded"  # why, where nothing draws

    @property
    def notices(self) -> tuple[str, ...]:
        """Return what a person must know about the models: stand-ins and small ones say so."""
        hears = f"captions by Whisper {self.whisper.name}: a small model, it mishears"
        studio = self.services.generation
        draws = (
            f"no video is drawn: {self.generation_unavailable}"
            if studio is None
            else studio.generator.about
        )
        return hears, self.services.assistant.about, draws


def turn_detection(settings: Settings) -> TurnDetection:
    """Return when a turn begins and ends, where nobody wishes otherwise."""
    return TurnDetection(
        threshold=settings.speech_threshold,
        silence=settings.speech_silence,
        padding=settings.speech_padding,
    )


def session_limits(settings: Settings) -> Limits:
    """Return how often a live session looks, and when it hurries."""
    sampling = Sampling(
        interval=settings.look_every,
        attentive_interval=settings.look_attentive,
        still_interval=settings.look_still,
    )
    frame_output = FrameOutput(
        rate=settings.drawing_rate, min_side=settings.drawing_side, max_points=settings.track_points
    )
    return Limits(
        max_lag=settings.hurry,
        max_turn=settings.longest_turn,
        sampling=sampling,
        frame_output=frame_output,
    )


def memory_budget(settings: Settings) -> StoreBudget:
    """Return how much one session may remember."""
    return StoreBudget(ram=settings.memory_ram << 20, disk=settings.memory_disk << 20)


def download_progress(name: str) -> Progress:
    """Return a progress of fetching `name`: a bar on a terminal, else a line for each quarter."""
    if sys.stderr.isatty():
        return terminal_bar(name)
    reported = [-1]

    def log(done: int, total: int) -> None:
        quarter = 4 * done // max(1, total)
        if quarter > reported[-1]:
            reported.append(quarter)
            logger.info("fetched %d of %d MB of %s", done / 1e6, total / 1e6, name)

    return log


def load_assistant(settings: Settings) -> VideoAssistant:
    """Load the model that sees and answers.

    Raises:
        ModelError: weights cannot be fetched or are not what they should be.
    """
    for name in embedded.WEIGHTS:
        fetch_weights(name, settings.weights, progress=download_progress(name))
    if settings.video_model == SMALL:
        return SmallAssistant(embedded.load(settings.weights), memory_budget(settings))
    folder = settings.video_model_folder
    if not folder.is_dir():
        raise WeightsError(
            f"{folder}: no such folder; fetch it first: eyeline pull {settings.video_model}"
        )
    from models.assistant import video_llm_assistant as video_llm  # its parts load slowly

    gpu = torch.cuda.is_available()
    logger.info("loading %s on the %s", folder, "GPU" if gpu else "CPU")
    return video_llm.load(
        folder,
        perception.load(settings.weights),
        device="cuda" if gpu else "cpu",
        dtype=torch.bfloat16 if gpu else torch.float32,
        budget=memory_budget(settings),
    )


def load_generator(settings: Settings) -> tuple[VideoGenerator | None, str]:
    """Load the model that draws, if there is to be one; return it, or None and why.

    Raises:
        ModelError: files that were asked for are missing, or are not what they should be.
    """
    if settings.drawing_model == "none":
        return None, f"{PREFIX}DRAWING_MODEL is none"
    if settings.drawing_model in WAN_MODELS:
        return load_wan_generator(settings), ""
    from models.generation.small import generator as painter  # its parts load slowly
    from models.generation.small import loading as embedded

    small = settings.drawing_model == SMALL
    try:
        files = embedded.find_files(None if small else Path(settings.drawing_model))
    except WeightsError as error:
        if not small:
            raise
        logger.info("nothing draws: %s", error)
        return None, str(error).replace(f"{CHECKPOINTS}/", "models/checkpoints/")
    generator = painter.SmallVideoGenerator(embedded.load(files.codec, files.dit))
    logger.info("%s", generator.about)
    return generator, ""


def load_wan_generator(settings: Settings) -> VideoGenerator:
    """Load weights of Wan's on the GPU.

    Raises:
        ModelError: there is no GPU, or files are missing or not what they should be.
    """
    name = settings.drawing_model
    if not torch.cuda.is_available():
        raise WeightsError(
            f"{name} needs a CUDA GPU, and this machine has none that PyTorch can use: leave "
            f"{PREFIX}DRAWING_MODEL at {SMALL}"
        )
    from models.generation.wan import generator as wan_painter  # its parts load slowly
    from models.generation.wan import model as wan

    logger.info("loading %s on the GPU", name)
    return wan_painter.WanVideoGenerator(wan.load(name, settings.weights), name)


@contextmanager
def load_models(settings: Settings) -> Iterator[LoadedModels]:
    """Load the models that `settings` name, and end their workers afterwards.

    Raises:
        ModelError: weights cannot be fetched or are not what they should be.
    """
    asr = load_asr(settings, download_progress(settings.asr_model))
    vad = fetch_weights("silero-vad", settings.weights, progress=download_progress("silero-vad"))
    assistant = load_assistant(settings)
    generator, generation_unavailable = load_generator(settings)
    with ExitStack() as stack:

        def worker(name: str, threads: int = 1) -> Worker:
            made = Worker(name, threads=threads)
            stack.callback(made.close)
            return made

        generation = None
        if generator is not None:
            slots = GenerationSlots(settings.drawings)
            generation = GenerationService(
                generator=generator, worker=worker("generation"), slots=slots
            )
        services = Services(
            generation=generation,
            detector=SileroVad(vad / "silero_vad.onnx"),
            recognizer=asr.recognizer,
            final_pass=asr.final_pass,
            assistant=assistant,
            synthesizer=HibariSynthesizer(),
            vad_worker=worker("vad"),
            asr_worker=worker("asr", settings.asr_workers),
            vision_worker=worker("vision"),
            answer_worker=worker("answer"),
            tts_worker=worker("tts"),
            overlay_worker=worker("overlay"),
        )
        yield LoadedModels(
            services=services,
            whisper=asr.whisper,
            limits=session_limits(settings),
            generation_unavailable=generation_unavailable,
        )
