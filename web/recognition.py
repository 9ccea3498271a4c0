"""Settings to what hears: the stream that writes while somebody speaks, and the final pass."""

from dataclasses import dataclass
from pathlib import Path

from media.pipeline.interfaces import SpeechRecognizer as Stream
from models.asr.ancat import loading as ancat_load
from models.asr.streaming import carelesswhisper_checkpoint as careless
from models.asr.streaming.causal_load import CHUNKS, causal, published
from models.asr.streaming.causal_stream import CausalConfig, CausalStream
from models.asr.streaming.final_pass import WhisperFinalPass
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.streaming.turn_end_only import TurnEndOnly
from models.asr.whisper.loading import WhisperModel, load
from models.weights.fetch import Progress
from web.config import Settings

NONE = "none"  # a final model of this name: what was streamed is final


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """`recogniser` is for whole files, `stream` for sessions, `final` for turns that are over."""

    recogniser: WhisperModel
    stream: Stream
    final: WhisperFinalPass | None


def load_recognition(settings: Settings, progress: Progress | None = None) -> Recognition:
    """Load the models that hear.

    Raises:
        WeightsError: one cannot be fetched or read, or is not causal where it should be.
    """
    offline = _offline(settings, progress)
    final = _final(settings, offline, progress)
    return Recognition(recogniser=offline, stream=_stream(settings, offline), final=final)


def algorithm(settings: Settings) -> str:
    """Return how sessions are heard: as asked for, but a causal checkpoint hears causally."""
    return "causal" if _is_published(settings.asr_model) else settings.asr


def final_model(settings: Settings) -> str:
    """Return the name of the model of the final pass, or NONE."""
    if settings.final_model is not None:
        return settings.final_model
    return settings.asr_model if algorithm(settings) in ("causal", "ancat") else NONE


def _is_published(name: str) -> bool:
    return careless.recognised(Path(name))


def _offline(settings: Settings, progress: Progress | None) -> WhisperModel:
    """Load the model for whole files; a causal checkpoint cannot hear them, so tiny.en does."""
    name = "tiny.en" if _is_published(settings.asr_model) else settings.asr_model
    return load(name, settings.weights, threads=settings.threads_in_use, progress=progress)


def _stream(settings: Settings, offline: WhisperModel) -> Stream:
    kind = algorithm(settings)
    if kind == "local-agreement":
        return LocalAgreement(offline)
    if kind == "offline":
        return TurnEndOnly(WhisperFinalPass(offline))
    if kind == "ancat":
        return ancat_load.shipped(settings.weights)
    config = CausalConfig(chunk=CHUNKS[settings.asr_chunk])
    if _is_published(settings.asr_model):
        own = published(Path(settings.asr_model), settings.weights)
        return CausalStream(own.recogniser, config, blocks=own.blocks)
    return CausalStream(causal(offline), config)


def _final(
    settings: Settings, offline: WhisperModel, progress: Progress | None
) -> WhisperFinalPass | None:
    name = final_model(settings)
    if name == NONE or (algorithm(settings) == "offline" and settings.final_model is None):
        return None
    if name == offline.name or _is_published(name):
        return WhisperFinalPass(offline)
    return WhisperFinalPass(load(name, settings.weights, progress=progress))
