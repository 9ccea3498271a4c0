"""Word errors and look-ahead of an ANCAT on clips of known text."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.ancat.letters import to_text
from models.asr.ancat.network import FRAME, Ancat, Mode
from models.asr.ancat.search import ShallowFusion, TransducerSearch
from models.asr.ancat.transducer_networks import transducer_in_torch
from models.asr.streaming.running_mel import running_log_mel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE
from models.training.asr.scoring import WordErrors, score

TAIL = RATE * 4 // 5  # samples of silence after a clip, as in training


@dataclass(frozen=True, slots=True, eq=False)
class ClipScores:
    """`each` is one score for each clip; `delays` are seconds of look-ahead of every frame."""

    mode: Mode
    each: tuple[WordErrors, ...]
    delays: NDArray[np.float64]

    @property
    def total(self) -> WordErrors:
        return sum(self.each, WordErrors())

    @property
    def mean(self) -> float:
        """Seconds of look-ahead on average, without the frame itself."""
        return float(self.delays.mean())

    @property
    def p95(self) -> float:
        return float(np.percentile(self.delays, 95))

    def as_dict(self) -> dict[str, object]:
        total = self.total
        return {
            "mode": self.mode,
            "words": total.words,
            "substitutions": total.substitutions,
            "deletions": total.deletions,
            "insertions": total.insertions,
            "mean": round(self.mean, 4),
            "p95": round(self.p95, 4),
        }

    def __str__(self) -> str:
        return f"{self.mode}: {self.total}, look-ahead {self.mean:.2f} s, p95 {self.p95:.2f} s"


@torch.inference_mode()
def score_clips(
    model: Ancat,
    pairs: Iterable[tuple[Samples, str]],
    *,
    mode: Mode | None = None,
    beam: int = 1,
    fusion: ShallowFusion | None = None,
) -> ClipScores:
    """Transcribe each sound of `pairs` and compare it with its text.

    The masked pass over the whole clip gives the text of the stream, and is much faster. Look-ahead
    counts frames of the clip only, not of the silence after it.

    Raises:
        ValueError: a clip is longer than the model's window.
    """
    search = TransducerSearch(transducer_in_torch(model.transducer), beam=beam, fusion=fusion)
    each, delays = [], []
    for samples, text in pairs:
        padded = np.pad(samples, (0, TAIL))
        padded = padded[: len(padded) // FRAME * FRAME]
        encoded = model.encode(running_log_mel(padded)[None], mode=mode)
        state = search.init_state()
        for hidden in encoded.hidden[0]:
            state = search.step(state, hidden)
        each.append(score(text, to_text(state.best.units)))
        delays.append(encoded.delays()[: len(samples) // FRAME].numpy() * (FRAME / RATE))
    return ClipScores(mode or model.config.mode, tuple(each), np.concatenate(delays))
