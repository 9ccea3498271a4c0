"""What a reader of any file format hands over: sizes, tensors under our names, and the rest."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.huggingface_files import fill

AlignmentHeads = tuple[tuple[int, int], ...]  # (layer, head) pairs of the decoder's cross-attention

# Heads that follow the sound, where a format does not carry them; from the sizes, because an
# OpenAI file has no name inside. As published with the models.
KNOWN_HEADS: dict[tuple[int, int], AlignmentHeads] = {
    (4, 51864): ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)),  # tiny.en
    (6, 51865): ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)),  # base
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhisperCheckpoint:
    """Weights as read: `state` is float32 under the names of `models.asr.whisper.whisper`.

    `tokenizer` is the tokenizer.json that belongs to it, or where it would be.
    """

    config: WhisperConfig
    state: dict[str, Tensor]
    alignment_heads: AlignmentHeads | None
    tokenizer: Path

    def build(self) -> Whisper:
        """Return the network with these weights, in evaluation mode, not to be trained.

        Raises:
            WeightsError: a tensor is missing, unknown, or of another shape.
        """
        return fill(Whisper(self.config), self.state, "Whisper's sizes")

    def heads(self) -> AlignmentHeads:
        """Return the alignment heads: given, known, or all of the upper half of the layers."""
        layers, count = self.config.text_layers, self.config.text_heads
        known = KNOWN_HEADS.get((layers, self.config.vocabulary))
        upper = tuple((i, h) for i in range(layers // 2, layers) for h in range(count))
        return self.alignment_heads or known or upper
