"""The embedded model: a codec, a transformer and its words, in two small files.

Each file is a safetensors file whose metadata holds sizes and vocabulary as JSON, so a checkpoint
of other sizes loads through the same code. What the model can show is in there too.
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
from models.generation.codec import PATCH, Codec, CodecConfig
from models.generation.context import Reach
from models.generation.control import CHANNELS, THINGS
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import Words
from models.shipped import CHECKPOINTS

NAMES = ("codec.safetensors", "drawing.safetensors")
WRONG = (KeyError, TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError)
WHY_LONGEST = 200  # characters of torch's reason that are told: it lists every tensor


@dataclass(frozen=True, slots=True)
class Files:
    """Where a model that draws lies."""

    codec: Path
    drawing: Path


@dataclass(frozen=True, slots=True)
class Shows:
    """What a model was trained on: the names of its things and backgrounds; pixels of a side."""

    size: int
    things: tuple[str, ...]
    backgrounds: tuple[str, ...]
    reach: Reach


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoModel:
    """A model that draws."""

    codec: Codec
    model: Dit
    words: Words
    shows: Shows

    def backbone(self, reach: Reach | None = None) -> Backbone:
        """Return the transformer at the size it was trained for."""
        side = self.shows.size // PATCH
        return Backbone(self.model, side, side, reach or self.shows.reach)


class Both(nn.Module):
    """The parts that are trained together, under the names that they have in the file."""

    def __init__(self, model: Dit, words: Words) -> None:
        super().__init__()
        self.model, self.words = model, words


def find(folder: Path | None = None) -> Files:
    """Return the files of the model in `folder`, or else of the one that comes with the program.

    Raises:
        WeightsError: a file is not there; the message names it and says where it comes from.
    """
    files = Files(*((folder or CHECKPOINTS) / name for name in NAMES))
    absent = [str(file) for file in (files.codec, files.drawing) if not file.is_file()]
    if absent:
        raise WeightsError(
            f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing: "
            f"docs/generation.md says how a model that draws is trained ({' and '.join(NAMES)})"
        )
    return files


def load(codec: Path, drawing: Path) -> SmallVideoModel:
    """Return the model in two files.

    Raises:
        WeightsError: a file is missing, damaged, of another kind, or the two do not belong
            together.
    """
    tensors, told = _read(drawing)
    try:
        words = Words(told["vocabulary"], told["model"]["text"])
        both = Both(Dit(DitConfig(**told["model"])), words)
        both.load_state_dict(tensors)
        shows = Shows(
            told["size"],
            tuple(told["things"]),
            tuple(told["backgrounds"]),
            Reach(**told["reach"]),
        )
    except WRONG as error:
        raise WeightsError(f"{drawing}: not a model that draws ({_why(error)})") from error
    found = load_codec(codec)
    whole = SmallVideoModel(found, both.model.eval(), words.eval(), shows)
    _check(whole, codec, drawing)
    return whole


def _check(whole: SmallVideoModel, codec: Path, drawing: Path) -> None:
    """Check that sizes that no tensor's shape tells go together.

    Raises:
        WeightsError: they do not.
    """
    found, config = whole.codec, whole.model.config
    if found.config.channels != config.channels:
        raise WeightsError(
            f"{codec} has latents of {found.config.channels} channels, {drawing} of "
            f"{config.channels}: they were not trained together"
        )
    try:
        whole.backbone()
    except WRONG as error:
        raise WeightsError(f"{drawing}: not a model that draws ({_why(error)})") from error
    if config.dim % config.heads or config.head_dim % 2:
        raise WeightsError(f"{drawing}: {config.dim} numbers do not go into {config.heads} heads")
    if config.condition not in (0, THINGS * CHANNELS):
        raise WeightsError(f"{drawing}: expects track maps of {config.condition} channels")


def load_codec(file: Path) -> Codec:
    """Return the codec in `file`.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    tensors, told = _read(file)
    try:
        codec = Codec(CodecConfig(**told))
        codec.load_state_dict(tensors)
    except WRONG as error:
        raise WeightsError(f"{file}: not a video codec ({_why(error)})") from error
    return codec.eval()


def save(file: Path, both: Both, shows: Shows, told: dict[str, Any]) -> None:
    """Write what is trained together to `file`, with `told` beside what `load` needs."""
    config = {
        **told,
        "model": asdict(both.model.config),
        "vocabulary": both.words.vocabulary,
        "size": shows.size,
        "things": shows.things,
        "backgrounds": shows.backgrounds,
        "reach": asdict(shows.reach),
    }
    scratch = file.with_name(file.name + ".new")
    save_file(both.state_dict(), scratch, metadata={"config": json.dumps(config)})
    scratch.replace(file)


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of `file`, and its metadata's config."""
    try:
        with safe_open(file, framework="pt") as opened:
            told = json.loads((opened.metadata() or {})["config"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: missing, damaged, or not written by eyeline's training ({error})"
        ) from error
    return tensors, cast("dict[str, Any]", told)


def _why(error: Exception) -> str:
    """Return what `error` says, in one line that is not too long."""
    told = " ".join(str(error).split())
    return told if len(told) <= WHY_LONGEST else told[: WHY_LONGEST - 1] + "…"
