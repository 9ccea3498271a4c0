"""Loading of the models that the settings name, and the devices that run them."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from media.events.hearing import TurnDetection
from media.images.decoder import ImageDecoder
from media.images.formats import ImageLimits
from media.pipeline.interfaces import VideoAssistant, VideoGenerator
from media.pipeline.limits import FrameOutput, Limits, Sampling
from media.pipeline.models.services import Models, Services, make_services
from media.worker import Worker
from models.asr.whisper.loading import WhisperModel
from models.assistant import small_model
from models.assistant.blind import BlindAssistant
from models.assistant.body import watch
from models.assistant.scene import perception
from models.assistant.small_assistant import SmallAssistant
from models.assistant.text_reading import ReadingLimits, SceneReader
from models.engine import EngineLoader
from models.errors import WeightsError
from models.memory.kv_store.fewer_bits import Bits
from models.memory.kv_store.tiers import StoreBudget
from models.memory.rekv import RekvConfig
from models.shipped import CHECKPOINTS
from models.speech.hibari import HibariSynthesizer
from models.speech.pico import installed_voices
from models.vision.text import reader
from models.vision.text.reader import ReaderConfig
from trt_engines.choice import choose_device
from trt_engines.loading import LoadedEngine
from web.config import PREFIX, Settings
from web.loading.answers import frame_filter, outside_model
from web.loading.asr import load_asr
from web.loading.devices import speech_batch, start_devices
from web.loading.engines import stored_engines, summaries
from web.loading.needs import Command, fetch, generating, needs, seeing
from web.loading.progress import download_progress
from web.loading.speakers import load_speakers
from web.settings.checks import SMALL, WAN_MODELS

logger = logging.getLogger(__name__)

BITS: dict[str, Bits | None] = {"all": None, "8": 8, "4": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModels:
    """The services of a session, and its limits."""

    services: Services
    limits: Limits
    generation_unavailable: str = "no generation model is loaded"  # the reason, if there is none
    engines: tuple[LoadedEngine, ...] = ()

    @property
    def whisper(self) -> WhisperModel:
        """The model that transcribes whole files."""
        return self.services.files.recognizer

    @property
    def notices(self) -> tuple[str, ...]:
        """Return what users should know about the models: which are small or stand-ins."""
        asr = f"captions by Whisper {self.whisper.name}: a small model that makes mistakes"
        generation, own = self.services.generation, self.services.frame_filter
        return (
            asr,
            *summaries(self.engines),
            self.services.answerer.about,
            *(() if own is None else (own.about,)),
            f"no video is generated: {self.generation_unavailable}"
            if generation is None
            else generation.generator.about,
        )


def turn_detection(settings: Settings) -> TurnDetection:
    """Return the turn detection of sessions whose client does not configure it."""
    return TurnDetection(
        threshold=settings.speech_threshold,
        silence=settings.speech_silence,
        padding=settings.speech_padding,
    )


def session_limits(settings: Settings, generator: VideoGenerator | None = None) -> Limits:
    rate = settings.drawing_rate or (FrameOutput().rate if generator is None else generator.rate)
    output = FrameOutput(
        rate=rate, min_side=settings.drawing_side, max_points=settings.track_points
    )
    return Limits(
        max_lag=settings.hurry,
        max_look_wait=settings.look_wait,
        max_turn=settings.longest_turn,
        max_gap=settings.longest_gap,
        detection_time=settings.detection_time,
        detection_confidence=settings.detection_confidence,
        translation_interval=settings.translation_interval,
        sampling=Sampling(
            interval=settings.look_every,
            attentive_interval=settings.look_attentive,
            still_interval=settings.look_still,
            glance_delay=settings.look_glance,
        ),
        frame_output=output,
    )


def image_limits(settings: Settings) -> ImageLimits:
    return ImageLimits(
        pixels=settings.image_pixels * 1_000_000,
        timeout=settings.image_timeout,
        memory=settings.image_memory,
        processes=settings.image_decoders,
    )


def memory_budget(settings: Settings) -> StoreBudget:
    return StoreBudget(ram=settings.memory_ram << 20, disk=settings.memory_disk << 20)


def text_reading(settings: Settings) -> SceneReader:
    """Return what reads text; its networks are loaded when they are needed."""
    config = ReaderConfig(side=settings.text_side, max_lines=settings.text_lines)
    limits = ReadingLimits(interval=settings.text_every)
    return SceneReader(lambda: reader.load(settings.weights, config), limits)


def load_assistant(
    settings: Settings,
    load_engine: EngineLoader,
    load_later: EngineLoader,
    *,
    fixed_caches: bool = False,
) -> VideoAssistant:
    """Load the model that answers questions about video; TensorRT needs `fixed_caches`.

    `load_later` is for networks that may not be needed.

    Raises:
        ModelError: weights cannot be downloaded or are damaged.
    """
    fetch(seeing(settings), settings)
    if settings.video_model == SMALL:
        small = small_model.load(
            settings.weights,
            load_engine=load_engine,
            load_later=load_later,
            fixed_caches=fixed_caches,
            config=small_model.SmallModelConfig(max_moments=settings.memory_moments),
        )
        body = watch.load(settings.weights, load_later)
        reading = text_reading(settings) if settings.read_text else None
        return SmallAssistant(small, memory_budget(settings), body=body, reader=reading)
    folder = settings.video_model_folder
    from models.assistant import video_llm_loading  # slow to import
    from models.assistant.video_llm_assistant import VideoLlmConfig

    device = choose_device(settings.device)
    logger.info("loading %s on %s", folder, device)
    return video_llm_loading.load(
        folder,
        perception.load(settings.weights, load_engine, load_later),
        VideoLlmConfig(
            rekv=RekvConfig(bits=BITS[settings.memory_bits]),
            looks=max(1, settings.answers_looks),
            scoped=settings.answers_by_scope,
            history=settings.video_history,
        ),
        device=str(device),
        dtype=_dtype(settings, device),
        budget=memory_budget(settings),
        load_engine=load_engine,
        fixed_caches=fixed_caches,
    )


def _dtype(settings: Settings, device: torch.device) -> torch.dtype:
    """Return the type of the numbers of a model of the hub."""
    if settings.dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    chosen: torch.dtype = getattr(torch, settings.dtype)
    return chosen


def load_generator(
    settings: Settings, load_engine: EngineLoader
) -> tuple[VideoGenerator | None, str]:
    """Return the video generation model, or None and the reason.

    Raises:
        ModelError: the files of a model that the settings name are missing or damaged.
    """
    if settings.drawing_model == "none":
        return None, f"{PREFIX}DRAWING_MODEL is none"
    if settings.drawing_model in WAN_MODELS:
        return load_wan_generator(settings), ""
    from models.generation.small import loading  # slow to import
    from models.generation.small.generator import SmallVideoGenerator

    small = settings.drawing_model == SMALL
    try:
        folder = None if small else Path(settings.drawing_model)
        files = loading.find_files(folder, enlarged=settings.drawing_enlarged)
    except WeightsError as error:
        if not small:
            raise
        logger.info("no video is generated: %s", error)
        return None, str(error).replace(f"{CHECKPOINTS}/", "models/checkpoints/")
    generator = SmallVideoGenerator(loading.load_files(files, load_engine))
    logger.info("%s", generator.about)
    return generator, ""


def load_wan_generator(settings: Settings) -> VideoGenerator:
    """Load a model on Wan on the GPU that the settings name, or the first.

    Raises:
        ModelError: there is no such GPU, or files are missing or damaged.
    """
    name = settings.drawing_model
    device = choose_device(settings.device)
    if device.type == "cpu" and settings.device != "auto":
        raise WeightsError(f"{name} needs a CUDA GPU, and {PREFIX}DEVICE is {settings.device}")
    if device.type == "cpu":
        small = f"set {PREFIX}DRAWING_MODEL to {SMALL}"
        raise WeightsError(f"{name} needs a CUDA GPU, and PyTorch finds none here: {small}")
    from models.generation.wan import model  # slow to import
    from models.generation.wan.generator import WanVideoGenerator

    fetch(generating(settings), settings)
    logger.info("loading %s on %s", name, device)
    wan = model.load(name, settings.weights, device=str(device), dtype=_dtype(settings, device))
    wan.codec.rows = settings.drawing_rows
    return WanVideoGenerator(wan, name)


@contextmanager
def load_models(settings: Settings, command: Command = "serve") -> Iterator[LoadedModels]:
    """Load the models that `command` needs with `settings`; their devices end with the block.

    Captions are only heard: no assistant is loaded for them, and nothing that speaks or generates.

    Raises:
        ModelError: weights cannot be downloaded or are damaged.
    """
    heard_only = command == "captions"
    fetch(needs(settings, command), settings)
    with stored_engines(settings) as load_engine:
        together = speech_batch(settings, load_engine.choice.device)
        asr = load_asr(
            settings, load_engine, download_progress(settings.asr_model), together=together
        )
        fixed = load_engine.choice.fixed_caches
        assistant = (
            BlindAssistant()
            if heard_only
            else load_assistant(settings, load_engine, load_engine.later, fixed_caches=fixed)
        )
        generator, generation_unavailable = (
            (None, "captions need none") if heard_only else load_generator(settings, load_engine)
        )
    models = Models(
        detector=asr.detector,
        whisper=asr.whisper,
        recognizer=asr.recognizer,
        assistant=assistant,
        final_pass=asr.final_pass,
        speakers=load_speakers(settings),
        other_languages=asr.other_languages,
        synthesizer=None if heard_only else HibariSynthesizer(),
        other_voices={} if heard_only else installed_voices(),
        generator=generator,
    )
    with ExitStack() as stack:
        images = ImageDecoder(image_limits(settings))
        stack.callback(images.close)
        media_worker = Worker("media")
        stack.callback(media_worker.close)
        draws = generator is not None
        outside = None if heard_only else outside_model(settings, stack, draws=draws)
        services = make_services(
            models,
            start_devices(settings, stack, gathering=together > 1),
            media_worker=media_worker,
            images=images,
            drawings=settings.drawings,
            outside=outside,
            frame_filter=None if heard_only else frame_filter(settings, stack),
        )
        yield LoadedModels(
            services=services,
            limits=session_limits(settings, generator),
            generation_unavailable=generation_unavailable,
            engines=tuple(load_engine.loaded),
        )
