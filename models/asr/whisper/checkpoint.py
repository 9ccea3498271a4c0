"""A Whisper checkpoint of any file format: sizes, tensors, heads, tokenizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.huggingface_files import fill
from models.weights.checksums import weights_digest

AlignmentHeads = tuple[tuple[int, int], ...]  # (layer, head) pairs of the decoder's cross-attention

# Alignment heads as published, for formats without them. The key is the sizes, because an OpenAI
# file has no model name.
KNOWN_HEADS: dict[tuple[int, int], AlignmentHeads] = {
    (4, 51864): ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)),  # tiny.en
    (6, 51865): ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)),  # base
}

# By how many frames of 20 ms those heads attend later than a word begins and ends, measured
# against the forced alignment of another system (tests/bench/bench_word_times.py).
KNOWN_DELAYS = {(4, 51864): 5, (6, 51865): -5}


@dataclass(frozen=True, kw_only=True, eq=False)
class WhisperCheckpoint:
    """A checkpoint whose sizes are known, and whose weights are read when they are needed.

    `read_state` returns them as float32, under the names of `models.asr.whisper.whisper`. `files`
    hold them. `tokenizer` is the path of its tokenizer.json, which may be missing.
    """

    config: WhisperConfig
    read_state: Callable[[], dict[str, Tensor]]
    files: tuple[Path, ...]
    alignment_heads: AlignmentHeads | None
    tokenizer: Path

    def build(self) -> Whisper:
        """Return the network with these weights, for inference.

        Raises:
            WeightsError: a tensor is missing, unknown, or of another shape; or a file cannot be
                read.
        """
        return fill(Whisper(self.config), self.read_state(), "Whisper's sizes")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the files with the weights.

        Raises:
            WeightsError: one cannot be read.
        """
        return weights_digest(*self.files)

    def heads(self) -> AlignmentHeads:
        """Return the alignment heads: given, known, or all of the upper half of the layers."""
        layers, count = self.config.text_layers, self.config.text_heads
        known = KNOWN_HEADS.get(self._size)
        upper = tuple((i, h) for i in range(layers // 2, layers) for h in range(count))
        return self.alignment_heads or known or upper

    def delay(self) -> int:
        """Return the delay of the alignment heads in frames, 0 if it is not known."""
        known = self.alignment_heads in (None, KNOWN_HEADS.get(self._size))
        return KNOWN_DELAYS.get(self._size, 0) if known else 0

    @property
    def _size(self) -> tuple[int, int]:
        return self.config.text_layers, self.config.vocabulary
