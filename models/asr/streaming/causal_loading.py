"""Load causal Whisper models: the offline weights with this project's adapters merged in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models import lora
from models.asr.streaming.carelesswhisper_checkpoint import read_carelesswhisper
from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.streaming.causal_networks import CausalEncoderNetwork, causal_encoder_spec
from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.decoder import WhisperDecoder
from models.asr.whisper.loading import WhisperModel, load_decoder, load_tokenizer
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.engine import Engine, EngineLoader, NetworkSource, load_in_torch
from models.errors import WeightsError
from models.shipped import CHECKPOINTS
from models.weights.checksums import weights_digest

CHUNK_FRAMES = {100: 5, 300: 15, 1000: 50}  # milliseconds to frames that adapters are trained for


@dataclass(frozen=True, slots=True, eq=False)
class CausalModel:
    """A loaded causal model; all sessions share it.

    `encoder` runs a `CausalEncoderNetwork`. `blocks` are those that it was published for, None if
    it knows several.
    """

    name: str
    config: WhisperConfig
    encoder: Engine
    decoder: WhisperDecoder
    tokenizer: WhisperTokenizer
    blocks: BlockSizes | None = None


def adapter_file(name: str) -> Path:
    """Return the file with the adapter of the packaged model `name`."""
    return CHECKPOINTS / f"causal-{name}.safetensors"


def adapted_models() -> tuple[str, ...]:
    """Return the names of the models that have an adapter."""
    return tuple(
        sorted(
            file.stem.removeprefix("causal-") for file in CHECKPOINTS.glob("causal-*.safetensors")
        )
    )


def make_causal(
    recognizer: WhisperModel,
    load_engine: EngineLoader = load_in_torch,
    *,
    adapter: Path | None = None,
) -> CausalModel:
    """Return `recognizer` with `adapter` merged in; the default is the shipped adapter.

    Raises:
        WeightsError: there is none for this model, or it is of another model.
        EngineError: an engine cannot be built or loaded.
    """
    file = adapter or adapter_file(recognizer.name)
    if not file.is_file():
        known = ", ".join(adapted_models()) or "no model"
        raise WeightsError(
            f"Whisper {recognizer.name} has no causal adapter; models with one: {known}"
        )
    checkpoint = recognizer.checkpoint
    return assemble_causal(
        recognizer.name,
        checkpoint.config,
        recognizer.decoder.heads,
        recognizer.tokenizer,
        partial(_build_adapted, checkpoint, file),
        weights_digest(*checkpoint.files, file),
        load_engine,
    )


def load_carelesswhisper(
    file: Path, folder: Path, load_engine: EngineLoader = load_in_torch
) -> CausalModel:
    """Return the model in `file`, a CarelessWhisper checkpoint.

    Raises:
        WeightsError: it is something else.
        EngineError: an engine cannot be built or loaded.
    """
    checkpoint, blocks = read_carelesswhisper(file)
    return assemble_causal(
        str(file),
        checkpoint.config,
        checkpoint.heads(),
        load_tokenizer(checkpoint, folder),
        checkpoint.build,
        checkpoint.digest,
        load_engine,
        blocks=blocks,
    )


def assemble_causal(
    name: str,
    config: WhisperConfig,
    heads: AlignmentHeads,
    tokenizer: WhisperTokenizer,
    build: Callable[[], Whisper],
    digest: str,
    load_engine: EngineLoader = load_in_torch,
    *,
    blocks: BlockSizes | None = None,
) -> CausalModel:
    """Return the model of the network that `build` returns; `digest` is that of its weights.

    Raises:
        WeightsError: the weights cannot be read, or do not fit.
        EngineError: an engine cannot be built or loaded.
    """
    encoder = NetworkSource(
        spec=causal_encoder_spec(config), weights=digest, build=partial(_build_encoder, build)
    )
    return CausalModel(
        name=name,
        config=config,
        encoder=load_engine(encoder),
        decoder=load_decoder(config, heads, digest, build, load_engine),
        tokenizer=tokenizer,
        blocks=blocks,
    )


def _build_encoder(build: Callable[[], Whisper]) -> CausalEncoderNetwork:
    return CausalEncoderNetwork(build())


def _build_adapted(checkpoint: WhisperCheckpoint, adapter: Path) -> Whisper:
    """Return the network of `checkpoint` with the adapter in the file `adapter` merged in.

    Raises:
        WeightsError: it cannot be read, or is of another model.
    """
    model, read = checkpoint.build(), lora.read(adapter)
    feed_forward = any(".feed_forward." in name for name in read.tensors)
    lora.merge(model.projections(feed_forward=feed_forward), read)
    return model
