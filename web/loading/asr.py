"""Loading of speech recognition: the streaming recognizer, and the model of the final pass."""

from dataclasses import dataclass
from pathlib import Path

from media.pipeline.interfaces import SpeechRecognizer
from media.servers.queued_engine import queued
from models.asr.ancat.loading import load_shipped
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.turn_end_only import TurnEndOnly
from models.asr.streaming.carelesswhisper_checkpoint import is_carelesswhisper
from models.asr.streaming.causal_loading import CHUNK_FRAMES, load_carelesswhisper, make_causal
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import SileroVad, load_silero
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.engine import EngineLoader
from models.padding import Padding
from models.weights.fetch import Progress
from web.config import Settings

# Tokens are cached in successive slots, so what is behind them is overwritten before it is seen.
PADDINGS = {
    "whisper-decoder": Padding(dimensions=("count", "scored"), cached="count", start="start")
}
NONE = "none"  # this final model means that there is no final pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAsr:
    """`whisper` transcribes whole files, `recognizer` sessions, `final_pass` finished turns.

    `detector` says what is speech.
    """

    detector: SileroVad
    whisper: WhisperModel
    recognizer: SpeechRecognizer
    final_pass: WhisperFinalPass | None


def load_asr(
    settings: Settings,
    load_engine: EngineLoader,
    progress: Progress | None = None,
    *,
    together: int = 1,
) -> LoadedAsr:
    """Load the speech recognition models, whose networks take up to `together` runs at once.

    Raises:
        WeightsError: a model cannot be downloaded or read, or is not causal but must be.
    """
    load_engine = queued(load_engine, together=together, paddings=PADDINGS)
    whisper = _load_whisper(settings, load_engine, progress)
    detector = load_silero(settings.weights, progress)
    return LoadedAsr(
        detector=detector,
        whisper=whisper,
        recognizer=_load_recognizer(settings, load_engine, whisper, detector),
        final_pass=_load_final_pass(settings, load_engine, whisper, detector, progress),
    )


def asr_algorithm(settings: Settings) -> str:
    """Return the algorithm of sessions: the setting, but causal for a causal checkpoint."""
    return "causal" if _is_careless_whisper(settings.asr_model) else settings.asr


def final_model(settings: Settings) -> str:
    """Return the name of the final pass's model, or NONE."""
    if settings.final_model is not None:
        return settings.final_model
    return settings.asr_model if asr_algorithm(settings) in ("causal", "ancat") else NONE


def _is_careless_whisper(name: str) -> bool:
    return is_carelesswhisper(Path(name))


def _load_whisper(
    settings: Settings, load_engine: EngineLoader, progress: Progress | None
) -> WhisperModel:
    """Load the model for whole files: tiny.en if the setting is a causal checkpoint."""
    name = "tiny.en" if _is_careless_whisper(settings.asr_model) else settings.asr_model
    return load_whisper(
        name, settings.weights, load_engine, threads=settings.threads_in_use, progress=progress
    )


def _load_recognizer(
    settings: Settings, load_engine: EngineLoader, whisper: WhisperModel, detector: SileroVad
) -> SpeechRecognizer:
    kind = asr_algorithm(settings)
    if kind == "local-agreement":
        return LocalAgreement(whisper, detector)
    if kind == "offline":
        return TurnEndOnly(WhisperFinalPass(whisper, detector))
    if kind == "ancat":
        return load_shipped(settings.weights, load_engine)
    config = CausalStreamConfig(chunk=CHUNK_FRAMES[settings.asr_chunk])
    if _is_careless_whisper(settings.asr_model):
        file = Path(settings.asr_model)
        return CausalStream(load_carelesswhisper(file, settings.weights, load_engine), config)
    return CausalStream(make_causal(whisper, load_engine), config)


def _load_final_pass(
    settings: Settings,
    load_engine: EngineLoader,
    whisper: WhisperModel,
    detector: SileroVad,
    progress: Progress | None,
) -> WhisperFinalPass | None:
    name = final_model(settings)
    if name == NONE or (asr_algorithm(settings) == "offline" and settings.final_model is None):
        return None
    if name == whisper.name or _is_careless_whisper(name):
        return WhisperFinalPass(whisper, detector)
    recognizer = load_whisper(name, settings.weights, load_engine, progress=progress)
    return WhisperFinalPass(recognizer, detector)
