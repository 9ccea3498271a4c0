"""A Whisper that is ready to listen: network, tokenizer and alignment heads, loaded by name."""

from dataclasses import dataclass
from pathlib import Path

import torch

from models.asr.whisper import tokenizer
from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.formats import ctranslate2, huggingface, openai
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.whisper.whisper import Whisper
from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import Progress, fetch_weights

DEFAULT = "tiny.en"


@dataclass(frozen=True, slots=True, eq=False)
class WhisperModel:
    """What every session shares; nothing in it changes."""

    name: str
    model: Whisper
    tokenizer: WhisperTokenizer
    heads: AlignmentHeads


def load_whisper(
    name: str | Path,
    folder: Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> WhisperModel:
    """Return the recognizer `name`, one of the packaged weights or a path.

    Packaged weights are fetched into `folder` where they are missing. A path is a CTranslate2
    folder, an OpenAI .pt file, or a Hugging Face folder; an OpenAI file without a
    tokenizer.json beside it takes that of the packaged weights. `threads` is how many torch
    uses, for all of the process.

    Raises:
        WeightsError: nothing goes by that name, or what does cannot be read.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    packaged = name in WEIGHTS
    place = fetch_weights(str(name), folder, progress=progress) if packaged else Path(name)
    borrow = folder if place.is_file() else None
    return assemble(str(name), read_checkpoint(place), borrow, progress=progress)


def assemble(
    name: str,
    checkpoint: WhisperCheckpoint,
    borrow: Path | None,
    *,
    progress: Progress | None = None,
) -> WhisperModel:
    """Return the recognizer of `checkpoint`.

    Where its tokenizer.json is missing, the one of the packaged weights in the folder `borrow`
    takes its place.

    Raises:
        WeightsError: that cannot be fetched, or is of another model.
    """
    words = checkpoint.tokenizer
    if borrow is not None and not words.is_file():
        packaged = "base" if checkpoint.config.multilingual else "tiny.en"
        words = fetch_weights(packaged, borrow, progress=progress) / "tokenizer.json"
    return WhisperModel(
        name=name,
        model=checkpoint.build(),
        tokenizer=tokenizer.load(words, checkpoint.config),
        heads=checkpoint.heads(),
    )


def read_checkpoint(place: Path) -> WhisperCheckpoint:
    """Return the checkpoint at `place`, in whichever of the three forms it is.

    Raises:
        WeightsError: nothing is there, or it is in none of the forms.
    """
    if place.is_file():
        return openai.read(place)
    if (place / "model.bin").is_file():
        return ctranslate2.read(place)
    if any(place.glob("model*.safetensors")):
        return huggingface.read(place)
    raise WeightsError(
        f"{place}: no Whisper there. Known by name are {', '.join(WEIGHTS)}; a path must "
        "be an OpenAI .pt file, or a folder with model.bin or model.safetensors"
    )
