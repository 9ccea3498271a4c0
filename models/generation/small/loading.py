"""The small model's files: a codec, and a transformer with its prompt encoder.

The metadata of each safetensors file holds sizes and vocabulary as JSON, so a checkpoint of other
sizes loads through the same code. It also lists what the model can show.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from models.engine import Engine, EngineLoader, load_in_torch
from models.errors import WeightsError
from models.generation.backbone import Backbone
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec.codec import PATCH, Codec, CodecConfig, LatentDecoder
from models.generation.codec.enlarging import EnlargingDecoder
from models.generation.codec.networks import CodecEngines, load_codec_engines
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS
from models.generation.denoising_networks import DitEngines, DitSize, load_dit_engines
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import PromptEncoder
from models.generation.small.enlarger_file import load_enlarging_engine
from models.generation.small.info import ATTRIBUTES, SmallVideoInfo, read_info
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.pictures import load as load_pictures
from models.generation.small.weight_files import (
    LOAD_ERRORS,
    digest,
    read_config,
    read_tensors,
    reason,
)
from models.shipped import CHECKPOINTS

FILE_NAMES = ("codec.safetensors", "drawing.safetensors")
ENLARGER = "enlarger.safetensors"  # a model does without it: its frames are smaller then
LOOKS = "looks.zip"  # of a model that takes looks


@dataclass(frozen=True, slots=True)
class SmallVideoFiles:
    """The files of a small model; `enlarger` and `looks` None if it has none."""

    codec: Path
    dit: Path
    enlarger: Path | None = None
    looks: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoModel:
    """A small video model; `enlarger` None shows the codec's frames, `looks` None takes none."""

    codec: CodecEngines
    transformer: DitEngines
    prompt_encoder: PromptEncoder
    info: SmallVideoInfo
    enlarger: Engine | None = None
    looks: LookPictures | None = None

    @property
    def decoder(self) -> LatentDecoder:
        """The decoder of the frames that are shown."""
        return self.codec if self.enlarger is None else EnlargingDecoder(self.codec, self.enlarger)

    @property
    def shown_size(self) -> int:
        """Pixels of a side of the frames that are shown."""
        if self.enlarger is None:
            return self.info.size
        side = self.enlarger.spec.outputs[0].shape[-1]
        assert isinstance(side, int)  # the enlarger's frames are of one size
        return side

    def backbone(self, reach: Reach | None = None) -> Backbone:
        """Return the transformer; `reach` is at most the trained one, its default."""
        return Backbone(self.transformer, reach or self.info.reach)


class PromptedDit(nn.Module):
    """A transformer with its prompt encoder; attributes have the names of the file's tensors."""

    def __init__(self, model: Dit, words: PromptEncoder) -> None:
        super().__init__()
        self.model, self.words = model, words


def find_files(folder: Path | None = None, *, enlarged: bool = True) -> SmallVideoFiles:
    """Return the files of the model in `folder`, or else of the one that ships.

    Without `enlarged` its enlarger is left out.

    Raises:
        WeightsError: a file is missing.
    """
    home = folder or CHECKPOINTS
    codec, dit, enlarger, looks = (home / name for name in (*FILE_NAMES, ENLARGER, LOOKS))
    files = SmallVideoFiles(
        codec,
        dit,
        enlarger if enlarged and enlarger.is_file() else None,
        looks if looks.is_file() else None,
    )
    absent = [str(file) for file in (files.codec, files.dit) if not file.is_file()]
    if absent:
        raise WeightsError(
            f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing: "
            f"docs/generation.md says how to train a model ({' and '.join(FILE_NAMES)})"
        )
    return files


def load_files(
    files: SmallVideoFiles, load_engine: EngineLoader = load_in_torch
) -> SmallVideoModel:
    """Do what `load` does, for all files of a model."""
    return load(
        files.codec,
        files.dit,
        load_engine,
        enlarger_file=files.enlarger,
        looks_file=files.looks,
    )


def load(
    codec_file: Path,
    dit_file: Path,
    load_engine: EngineLoader = load_in_torch,
    *,
    enlarger_file: Path | None = None,
    looks_file: Path | None = None,
) -> SmallVideoModel:
    """Return the model in two files, whose frames `enlarger_file` enlarges if there is one.

    `looks_file` has the pictures for a model that takes looks.

    Raises:
        WeightsError: a file is missing, damaged, of another kind, or the two do not match.
        EngineError: an engine cannot be built or loaded.
    """
    metadata, info = read_config(dit_file), read_info(dit_file)
    try:
        config = DitConfig(**metadata["model"])
        encoder = PromptEncoder(metadata["vocabulary"], config.text)
        encoder.load_state_dict(read_tensors(dit_file, "words."))
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({reason(error)})") from error
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
            weights=digest(dit_file),
        )
        Backbone(transformer, info.reach)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{dit_file}: not a model that draws ({reason(error)})") from error
    codec = load_codec_engines(
        codec_config,
        side,
        side,
        lambda: load_codec(codec_file),
        load_engine=load_engine,
        weights=digest(codec_file),
    )
    enlarger = None
    if enlarger_file is not None:
        enlarger = load_enlarging_engine(enlarger_file, info.size, load_engine)
    looks = _load_looks(looks_file, info, dit_file) if config.takes_looks else None
    return SmallVideoModel(codec, transformer, encoder.eval(), info, enlarger, looks)


def _load_looks(file: Path | None, info: SmallVideoInfo, dit_file: Path) -> LookPictures:
    """Return the pictures in `file`.

    Raises:
        WeightsError: it is missing, or lacks a thing or a background of the model.
    """
    if file is None:
        raise WeightsError(f"{dit_file} takes looks, and {LOOKS} is missing beside it")
    looks, vocabulary = load_pictures(file), info.vocabulary
    absent = {*vocabulary.kinds} - looks.things.keys() | {
        *vocabulary.grounds
    } - looks.grounds.keys()
    if absent:
        raise WeightsError(f"{file} has no look of {', '.join(sorted(absent))}")
    return looks


def load_dit(file: Path, config: DitConfig) -> Dit:
    """Return the transformer of `config` in `file`.

    Raises:
        WeightsError: the file is damaged, or of another kind.
    """
    tensors = read_tensors(file, "model.")
    try:
        model = Dit(config)
        model.load_state_dict(tensors)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a model that draws ({reason(error)})") from error
    return model.eval()


def load_codec(file: Path) -> Codec:
    """Return the codec in `file`.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    config = _read_codec_config(file)
    try:
        codec = Codec(config)
        codec.load_state_dict(read_tensors(file))
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a video codec ({reason(error)})") from error
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
    if config.condition not in (0, MAX_THINGS * MAP_CHANNELS) and not config.takes_looks:
        raise WeightsError(f"{dit_file}: expects track maps of {config.condition} channels")
    if config.gated and not (config.takes_looks and config.refine):
        raise WeightsError(f"{dit_file}: shows looks, and takes none")


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
    metadata = read_config(file)
    try:
        return CodecConfig(**metadata)
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a video codec ({reason(error)})") from error
