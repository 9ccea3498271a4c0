"""The small model's files: a codec, and a transformer with its prompt encoder.

The metadata of each safetensors file holds sizes and vocabulary as JSON, so a checkpoint of other
sizes loads through the same code. It also lists what the model can show.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.engine import EngineLoader, load_in_torch
from models.errors import WeightsError
from models.generation.backbone import Backbone
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import PATCH, Codec, CodecConfig
from models.generation.codec_networks import CodecEngines, load_codec_engines
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS
from models.generation.denoising_networks import DitEngines, DitSize, load_dit_engines
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import PromptEncoder
from models.generation.small.vocabulary import Vocabulary
from models.shipped import CHECKPOINTS

FILE_NAMES = ("codec.safetensors", "drawing.safetensors")
LOAD_ERRORS = (KeyError, TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError)
ATTRIBUTES = ("colors", "sizes", "colored", "mark")  # of things, in the metadata
MAX_REASON = 200  # characters of torch's message, which lists every tensor


@dataclass(frozen=True, slots=True)
class SmallVideoFiles:
    """The files of a small model."""

    codec: Path
    dit: Path


@dataclass(frozen=True, slots=True)
class SmallVideoInfo:
    """What a model was trained on: pixels of a side, names of things and backgrounds, reach.

    Its prompts may also name `colors`, of the kinds in `colored` (None: of all), and `sizes`;
    `mark` follows the name of each thing in the captions of training.
    """

    size: int
    things: tuple[str, ...]
    backgrounds: tuple[str, ...]
    reach: Reach
    colors: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    colored: tuple[str, ...] | None = None
    mark: str = ""

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.from_names(
            self.things,
            self.backgrounds,
            colors=self.colors,
            sizes=self.sizes,
            colored=self.colored,
            mark=self.mark,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoModel:
    """A small video model."""

    codec: CodecEngines
    transformer: DitEngines
    prompt_encoder: PromptEncoder
    info: SmallVideoInfo

    def backbone(self, reach: Reach | None = None) -> Backbone:
        """Return the transformer; `reach` is at most the trained one, its default."""
        return Backbone(self.transformer, reach or self.info.reach)


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


def load(
    codec_file: Path, dit_file: Path, load_engine: EngineLoader = load_in_torch
) -> SmallVideoModel:
    """Return the model in two files.

    Raises:
        WeightsError: a file is missing, damaged, of another kind, or the two do not match.
        EngineError: an engine cannot be built or loaded.
    """
    metadata, info = _read_config(dit_file), read_info(dit_file)
    try:
        config = DitConfig(**metadata["model"])
        encoder = PromptEncoder(metadata["vocabulary"], config.text)
        encoder.load_state_dict(_read_tensors(dit_file, "words."))
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({_reason(error)})") from error
    codec_config = _read_codec_config(codec_file)
    _check(codec_config, config, codec_file, dit_file)
    side = info.size // PATCH
    try:
        size = DitSize(height=side, width=side, reach=info.reach)
        transformer = load_dit_engines(
            config,
            size,
            lambda: load_dit(dit_file, config),
            load_engine=load_engine,
            weights=_digest(dit_file),
        )
        Backbone(transformer, info.reach)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({_reason(error)})") from error
    codec = load_codec_engines(
        codec_config,
        side,
        side,
        lambda: load_codec(codec_file),
        load_engine=load_engine,
        weights=_digest(codec_file),
    )
    return SmallVideoModel(codec, transformer, encoder.eval(), info)


def read_info(file: Path) -> SmallVideoInfo:
    """Return what the model in `file` was trained on, without its weights.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    metadata = _read_config(file)
    given: dict[str, Any] = {
        name: tuple(own) if isinstance(own, list) else own
        for name in ATTRIBUTES
        if (own := metadata.get(name)) is not None
    }
    try:
        return SmallVideoInfo(
            metadata["size"],
            tuple(metadata["things"]),
            tuple(metadata["backgrounds"]),
            Reach(**metadata["reach"]),
            **given,
        )
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a model that draws ({_reason(error)})") from error


def load_dit(file: Path, config: DitConfig) -> Dit:
    """Return the transformer of `config` in `file`.

    Raises:
        WeightsError: the file is damaged, or of another kind.
    """
    tensors = _read_tensors(file, "model.")
    try:
        model = Dit(config)
        model.load_state_dict(tensors)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a model that draws ({_reason(error)})") from error
    return model.eval()


def load_codec(file: Path) -> Codec:
    """Return the codec in `file`.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    config = _read_codec_config(file)
    try:
        codec = Codec(config)
        codec.load_state_dict(_read_tensors(file))
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a video codec ({_reason(error)})") from error
    return codec.eval()


def _check(codec: CodecConfig, config: DitConfig, codec_file: Path, dit_file: Path) -> None:
    """Check sizes that tensor shapes do not determine.

    Raises:
        WeightsError: they do not match.
    """
    if codec.channels != config.channels:
        raise WeightsError(
            f"{codec_file} has latents of {codec.channels} channels, {dit_file} of "
            f"{config.channels}: they were not trained together"
        )
    if config.dim % config.heads or config.head_dim % 2:
        raise WeightsError(
            f"{dit_file}: {config.dim} channels do not divide into {config.heads} heads"
        )
    if config.condition not in (0, MAX_THINGS * MAP_CHANNELS):
        raise WeightsError(f"{dit_file}: expects track maps of {config.condition} channels")


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
        **{name: getattr(info, name) for name in ATTRIBUTES},
    }
    scratch = file.with_name(file.name + ".new")
    save_file(model.state_dict(), scratch, metadata={"config": json.dumps(config)})
    scratch.replace(file)


def _read_codec_config(file: Path) -> CodecConfig:
    metadata = _read_config(file)
    try:
        return CodecConfig(**metadata)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a video codec ({_reason(error)})") from error


def _read_config(file: Path) -> dict[str, Any]:
    """Return the config in the metadata of `file`."""
    with _opened(file) as opened:
        return cast("dict[str, Any]", json.loads((opened.metadata() or {})["config"]))


def _read_tensors(file: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of `file` whose names start with `prefix`, without it."""
    with _opened(file) as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118
        return {name.removeprefix(prefix): opened.get_tensor(name) for name in names}


@contextmanager
def _opened(file: Path) -> Iterator[Any]:  # safetensors has no annotations
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: missing, damaged, or not written by eyeline's training ({error})"
        ) from error


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """Return the message of `error` in one short line."""
    text = " ".join(str(error).split())
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
