"""Loading of speech recognition: the streaming recognizer, and the model of the final pass."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from media.pipeline.interfaces import SpeechRecognizer
from media.pipeline.models.languages import ENGLISH, LazyMultilingual
from media.servers.queued_engine import queued
from models.asr.ancat.loading import load_shipped
from models.asr.languages.multilingual import Multilingual
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
from web.loading.engines import stored_engines
from web.loading.progress import download_progress

logger = logging.getLogger(__name__)
# Tokens are cached in successive slots, so what is behind them is overwritten before it is seen.
PADDINGS = {
    "whisper-decoder": Padding(dimensions=("count", "scored"), cached="count", start="start")
}
MULTILINGUAL = "base"  # recognizes what is not English, unless the model of English can
NONE = "none"  # this final model means that there is no final pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAsr:
    """`whisper` transcribes whole files, `recognizer` sessions, `final_pass` finished turns.

    `detector` says what is speech. What is not English is for `other_languages`.
    """

    detector: SileroVad
    whisper: WhisperModel
    recognizer: SpeechRecognizer
    final_pass: WhisperFinalPass | None
    other_languages: LazyMultilingual


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
        other_languages=_other_languages(settings, whisper, detector, together),
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
        return TurnEndOnly(WhisperFinalPass(whisper, detector, language=ENGLISH))
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
        return WhisperFinalPass(whisper, detector, language=ENGLISH)
    recognizer = load_whisper(name, settings.weights, load_engine, progress=progress)
    return WhisperFinalPass(recognizer, detector, language=ENGLISH)


def _other_languages(
    settings: Settings, whisper: WhisperModel, detector: SileroVad, together: int
) -> LazyMultilingual:
    """Return what loads the model of other languages: `whisper` itself if it knows them."""
    knows = whisper.config.multilingual
    model = whisper.name if knows else MULTILINGUAL
    turn_end_only = asr_algorithm(settings) == "offline"

    def make() -> Multilingual:
        began = time.monotonic()
        made = Multilingual(
            whisper if knows else _load_multilingual(settings, together),
            detector,
            settings.languages,
            turn_end_only=turn_end_only,
            final=settings.final_model != NONE,
        )
        took = time.monotonic() - began
        logger.info("loaded Whisper %s for languages other than English in %.1f s", model, took)
        return made

    name = Path(model).name  # clients do not see paths
    mode = "at the end of each turn" if turn_end_only else "with LocalAgreement"
    others = any(code != ENGLISH for code in settings.languages)
    return LazyMultilingual(
        settings.languages, make if others else None, about=f"Whisper {name} {mode}"
    )


def _load_multilingual(settings: Settings, together: int) -> WhisperModel:
    with stored_engines(settings) as load_engine:
        return load_whisper(
            MULTILINGUAL,
            settings.weights,
            queued(load_engine, together=together, paddings=PADDINGS),
            progress=download_progress(MULTILINGUAL),
        )
