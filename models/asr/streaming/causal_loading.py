"""Load causal Whisper models: the offline weights with this project's adapters merged in.

Tensors without an adapter are shared with the offline model, so both take little more memory.
"""

from dataclasses import dataclass
from pathlib import Path

from models import lora
from models.asr.streaming.carelesswhisper_checkpoint import read_carelesswhisper
from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.whisper.loading import WhisperModel, assemble
from models.asr.whisper.whisper import Whisper
from models.errors import WeightsError
from models.shipped import CHECKPOINTS

CHUNK_FRAMES = {100: 5, 300: 15, 1000: 50}  # milliseconds to frames that adapters are trained for


@dataclass(frozen=True, slots=True, eq=False)
class CausalModel:
    """A model, and the block sizes that it was published for."""

    recognizer: WhisperModel
    blocks: BlockSizes


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


def make_causal(recognizer: WhisperModel, adapter: Path | None = None) -> WhisperModel:
    """Return `recognizer` with `adapter` merged in; the default is the shipped adapter.

    Raises:
        WeightsError: there is none for this model, or it is of another model.
    """
    file = adapter or adapter_file(recognizer.name)
    if not file.is_file():
        known = ", ".join(adapted_models()) or "no model"
        raise WeightsError(
            f"Whisper {recognizer.name} has no causal adapter; models with one: {known}"
        )
    model = Whisper(recognizer.model.config)
    model.load_state_dict(recognizer.model.state_dict(), assign=True)  # the same tensors
    model.eval().requires_grad_(False)
    add_adapter(model, file)
    return WhisperModel(recognizer.name, model, recognizer.tokenizer, recognizer.heads)


def load_carelesswhisper(file: Path, folder: Path) -> CausalModel:
    """Return the model in `file`, a CarelessWhisper checkpoint.

    Raises:
        WeightsError: it is something else.
    """
    checkpoint, blocks = read_carelesswhisper(file)
    return CausalModel(assemble(str(file), checkpoint, folder), blocks)


def add_adapter(model: Whisper, file: Path) -> lora.Notes:
    """Merge the adapter in `file` into `model`; return the notes in the file.

    Raises:
        WeightsError: it cannot be read, or is of another model.
    """
    adapter = lora.read(file)
    feed_forward = any(".feed_forward." in name for name in adapter.tensors)
    lora.merge(model.projections(feed_forward=feed_forward), adapter)
    return adapter.notes
