"""Word timestamps from the decoder's cross-attention.

Some attention heads follow the audio; the cheapest monotone path through their mean attention
gives the start of each token.

Source: the word timestamps published with Whisper; dynamic time warping after Sakoe and
Chiba 1978.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.asr.whisper.checkpoint import AlignmentHeads
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.whisper.whisper import DecoderState, Whisper
from models.asr.words import RATE

FRAME = 320  # samples of an encoder frame: 20 ms
MEDIAN_WIDTH = 7  # frames over which attention is smoothed
MAX_LENGTH = 2.0  # of a word beside a pause, in median word lengths
MAX_MEDIAN = 0.7 * RATE / FRAME  # frames of a median word: slower speech is a wrong alignment


@dataclass(frozen=True, slots=True)
class WordSpan:
    """One word's tokens, and its start and end in encoder frames since the window began."""

    tokens: tuple[int, ...]
    start: int
    end: int


def align(
    model: Whisper,
    tokenizer: WhisperTokenizer,
    heads: AlignmentHeads,
    state: DecoderState,
    words: Sequence[Sequence[int]],
    *,
    frames: int,
    language: str | None = None,
) -> list[WordSpan]:
    """Return the span of each of `words`, groups of text tokens, in the first `frames` frames.

    `state` is any decoder state over the window. Spans are in order and do not overlap.
    """
    tokens = [token for word in words for token in word]
    if not tokens:
        return []
    opening = tokenizer.opening(language, timestamps=False)
    read = torch.tensor([[*opening, *tokens]], device=state.sound[0][0].device)
    scores = model.cross_scores(read, state, heads)[:, :, :frames]
    attention = _smoothed(scores.softmax(2))[len(opening) - 1 :]
    starts = token_starts(attention.cpu().numpy())
    spans, first = [], 0
    for word in words:
        end = first + tokenizer.core_length(word)
        spans.append(WordSpan(tuple(word), int(starts[first]), int(starts[end])))
        first += len(word)
    return _without_pauses(spans)


def _smoothed(attention: Tensor) -> Tensor:
    """Standardize (heads, tokens, frames) over tokens, smooth over frames, average the heads."""
    deviation, mean = torch.std_mean(attention, dim=1, keepdim=True, correction=0)
    standard = (attention - mean) / deviation.clamp(min=1e-9)
    reach = min(MEDIAN_WIDTH // 2, standard.shape[2] - 1)
    padded = torch.nn.functional.pad(standard, (reach, reach), mode="reflect")
    return padded.unfold(2, 2 * reach + 1, 1).median(dim=3).values.mean(dim=0)


def token_starts(gain: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the frame where each row begins on the best monotone path, int64 (rows,).

    `gain` is (rows, frames): the path begins at its first cell and ends at its last, steps to
    the next row, the next frame, or both, and sums the most.
    """
    rows, frames = gain.shape
    best = np.full((rows + 1, frames + 1), -np.inf, np.float32)
    best[0, 0] = 0.0
    came = np.zeros((rows + 1, frames + 1), np.int8)
    # Cells of one diagonal depend on the two before it only, so a diagonal is one operation.
    for diagonal in range(2, rows + frames + 1):
        r = np.arange(max(1, diagonal - frames), min(rows, diagonal - 1) + 1)
        c = diagonal - r
        options = np.stack([best[r - 1, c - 1], best[r - 1, c], best[r, c - 1]])
        came[r, c] = options.argmax(axis=0)
        best[r, c] = options.max(axis=0) + gain[r - 1, c - 1]
    starts = np.zeros(rows, np.int64)
    row, frame = rows, frames
    while row > 0:
        starts[row - 1] = frame - 1
        step = came[row, frame]
        row -= step < 2
        frame -= step != 1
    return starts


def _without_pauses(spans: list[WordSpan]) -> list[WordSpan]:
    """Shorten words that include the pause beside them.

    The path assigns every frame of silence to some word, mostly the one before a pause or the
    first one. A word far longer than the others is cut at its end, the first one at its start.
    """
    lengths = [span.end - span.start for span in spans if span.end > span.start]
    longest = int(MAX_LENGTH * min(float(np.median(lengths or [0])), MAX_MEDIAN))
    kept: list[WordSpan] = []
    for index, span in enumerate(spans):
        start, end = span.start, span.end
        if longest and end - start > longest:
            if index == 0:
                start = end - longest
            else:
                end = start + longest
        kept.append(WordSpan(span.tokens, start, end))
    return kept
