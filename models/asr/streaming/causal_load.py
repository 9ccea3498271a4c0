"""A causal recogniser by name: the offline model's weights, with the project's adapters folded in.

What the adapters leave alone is shared with the offline model, so both fit where one does.
"""

from dataclasses import dataclass
from pathlib import Path

from models.asr.streaming import carelesswhisper_checkpoint as careless
from models.asr.streaming.causal import Blocks
from models.asr.whisper import lora
from models.asr.whisper.loading import WhisperModel, assembled
from models.asr.whisper.whisper import Whisper
from models.errors import WeightsError
from models.shipped import CHECKPOINTS

CHUNKS = {100: 5, 300: 15, 1000: 50}  # milliseconds to frames: what the adapters were trained on


@dataclass(frozen=True, slots=True, eq=False)
class Causal:
    """A recogniser that hears in `blocks`; those that it was published for, or None for any."""

    recogniser: WhisperModel
    blocks: Blocks | None = None


def adapter_of(name: str) -> Path:
    """Return where the adapters of the packaged model `name` are, or would be."""
    return CHECKPOINTS / f"causal-{name}.safetensors"


def adapted() -> tuple[str, ...]:
    """Return the names of the models that there are adapters for."""
    return tuple(
        sorted(
            file.stem.removeprefix("causal-") for file in CHECKPOINTS.glob("causal-*.safetensors")
        )
    )


def causal(recogniser: WhisperModel, adapter: Path | None = None) -> WhisperModel:
    """Return `recogniser` made causal by `adapter`, or else by the one that is there for it.

    Raises:
        WeightsError: there is none for this model, or it is of another one.
    """
    file = adapter or adapter_of(recogniser.name)
    if not file.is_file():
        known = ", ".join(adapted()) or "no model"
        raise WeightsError(
            f"Whisper {recogniser.name} was not made causal: there are adapters for {known}"
        )
    model = Whisper(recogniser.model.config)
    model.load_state_dict(recogniser.model.state_dict(), assign=True)  # the same tensors
    model.eval().requires_grad_(False)
    lora.load(model, file)
    lora.merge(model)
    model.requires_grad_(False)
    return WhisperModel(recogniser.name, model, recogniser.tokenizer, recogniser.heads)


def published(file: Path, folder: Path) -> Causal:
    """Return the recogniser in `file`, a checkpoint of CarelessWhisper.

    Raises:
        WeightsError: it is something else.
    """
    checkpoint, blocks = careless.read(file)
    return Causal(assembled(str(file), checkpoint, folder), blocks)
