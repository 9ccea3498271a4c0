"""A causal recognizer by name: the offline model's weights, with the project's adapters folded in.

What the adapters leave alone is shared with the offline model, so both fit where one does.
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

CHUNK_FRAMES = {
    100: 5,
    300: 15,
    1000: 50,
}  # milliseconds to frames: what the adapters were trained on


@dataclass(frozen=True, slots=True, eq=False)
class CausalModel:
    """A recognizer that hears in `blocks`; those that it was published for, or None for any."""

    recognizer: WhisperModel
    blocks: BlockSizes | None = None


def adapter_file(name: str) -> Path:
    """Return where the adapters of the packaged model `name` are, or would be."""
    return CHECKPOINTS / f"causal-{name}.safetensors"


def adapted_models() -> tuple[str, ...]:
    """Return the names of the models that there are adapters for."""
    return tuple(
        sorted(
            file.stem.removeprefix("causal-") for file in CHECKPOINTS.glob("causal-*.safetensors")
        )
    )


def make_causal(recognizer: WhisperModel, adapter: Path | None = None) -> WhisperModel:
    """Return `recognizer` made causal by `adapter`, or else by the one that is there for it.

    Raises:
        WeightsError: there is none for this model, or it is of another one.
    """
    file = adapter or adapter_file(recognizer.name)
    if not file.is_file():
        known = ", ".join(adapted_models()) or "no model"
        raise WeightsError(
            f"Whisper {recognizer.name} was not made causal: there are adapters for {known}"
        )
    model = Whisper(recognizer.model.config)
    model.load_state_dict(recognizer.model.state_dict(), assign=True)  # the same tensors
    model.eval().requires_grad_(False)
    add_adapter(model, file)
    return WhisperModel(recognizer.name, model, recognizer.tokenizer, recognizer.heads)


def load_carelesswhisper(file: Path, folder: Path) -> CausalModel:
    """Return the recognizer in `file`, a checkpoint of CarelessWhisper.

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
