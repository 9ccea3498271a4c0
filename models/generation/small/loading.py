"""The small model's files: a codec, and a transformer with its prompt encoder.

The metadata of each safetensors file holds sizes and vocabulary as JSON, so a checkpoint of other
sizes loads through the same code. It also lists what the model can show.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.errors import WeightsError
from models.generation.backbone import Backbone
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import PATCH, Codec, CodecConfig
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import PromptEncoder
from models.shipped import CHECKPOINTS

FILE_NAMES = ("codec.safetensors", "drawing.safetensors")
LOAD_ERRORS = (KeyError, TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError)
MAX_REASON = 200  # characters of torch's message, which lists every tensor


@dataclass(frozen=True, slots=True)
class SmallVideoFiles:
    """The files of a small model."""

    codec: Path
    dit: Path


@dataclass(frozen=True, slots=True)
class SmallVideoInfo:
    """What a model was trained on: names of things and backgrounds, pixels of a side, reach."""

    size: int
    things: tuple[str, ...]
    backgrounds: tuple[str, ...]
    reach: Reach


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoModel:
    """A small video model."""

    codec: Codec
    model: Dit
    prompt_encoder: PromptEncoder
    info: SmallVideoInfo

    def backbone(self, reach: Reach | None = None) -> Backbone:
        """Return the transformer at its trained size."""
        side = self.info.size // PATCH
        return Backbone(self.model, side, side, reach or self.info.reach)


class PromptedDit(nn.Module):
    """A transformer with its prompt encoder; attributes have the names of the file's tensors."""

    def __init__(self, model: Dit, words: PromptEncoder) -> None:
        super().__init__()
        self.model, self.words = model, words


def find_files(folder: Path | None = None) -> SmallVideoFiles:
    """Return the files of the model in `folder`, or else of the one that ships.

    Raises:
        WeightsError: a file is missing.
    """
    files = SmallVideoFiles(*((folder or CHECKPOINTS) / name for name in FILE_NAMES))
    absent = [str(file) for file in (files.codec, files.dit) if not file.is_file()]
    if absent:
        raise WeightsError(
            f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing: "
            f"docs/generation.md says how to train a model ({' and '.join(FILE_NAMES)})"
        )
    return files


def load(codec_file: Path, dit_file: Path) -> SmallVideoModel:
    """Return the model in two files.

    Raises:
        WeightsError: a file is missing, damaged, of another kind, or the two do not match.
    """
    tensors, metadata = _read(dit_file)
    try:
        encoder = PromptEncoder(metadata["vocabulary"], metadata["model"]["text"])
        prompted = PromptedDit(Dit(DitConfig(**metadata["model"])), encoder)
        prompted.load_state_dict(tensors)
        info = SmallVideoInfo(
            metadata["size"],
            tuple(metadata["things"]),
            tuple(metadata["backgrounds"]),
            Reach(**metadata["reach"]),
        )
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({_reason(error)})") from error
    codec_model = load_codec(codec_file)
    model = SmallVideoModel(codec_model, prompted.model.eval(), encoder.eval(), info)
    _check(model, codec_file, dit_file)
    return model


def _check(model: SmallVideoModel, codec_file: Path, dit_file: Path) -> None:
    """Check sizes that tensor shapes do not determine.

    Raises:
        WeightsError: they do not match.
    """
    codec, config = model.codec, model.model.config
    if codec.config.channels != config.channels:
        raise WeightsError(
            f"{codec_file} has latents of {codec.config.channels} channels, {dit_file} of "
            f"{config.channels}: they were not trained together"
        )
    try:
        model.backbone()
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({_reason(error)})") from error
    if config.dim % config.heads or config.head_dim % 2:
        raise WeightsError(
            f"{dit_file}: {config.dim} channels do not divide into {config.heads} heads"
        )
    if config.condition not in (0, MAX_THINGS * MAP_CHANNELS):
        raise WeightsError(f"{dit_file}: expects track maps of {config.condition} channels")


def load_codec(file: Path) -> Codec:
    """Return the codec in `file`.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    tensors, metadata = _read(file)
    try:
        codec = Codec(CodecConfig(**metadata))
        codec.load_state_dict(tensors)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a video codec ({_reason(error)})") from error
    return codec.eval()


def save(file: Path, model: PromptedDit, info: SmallVideoInfo, extra: dict[str, Any]) -> None:
    """Write `model` to `file`, with `extra` beside the metadata that `load` needs."""
    config = {
        **extra,
        "model": asdict(model.model.config),
        "vocabulary": model.words.vocabulary,
        "size": info.size,
        "things": info.things,
        "backgrounds": info.backgrounds,
        "reach": asdict(info.reach),
    }
    scratch = file.with_name(file.name + ".new")
    save_file(model.state_dict(), scratch, metadata={"config": json.dumps(config)})
    scratch.replace(file)


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of `file`, and its metadata's config."""
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = json.loads((opened.metadata() or {})["config"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: missing, damaged, or not written by eyeline's training ({error})"
        ) from error
    return tensors, cast("dict[str, Any]", metadata)


def _reason(error: Exception) -> str:
    """Return the message of `error` in one short line."""
    text = " ".join(str(error).split())
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
