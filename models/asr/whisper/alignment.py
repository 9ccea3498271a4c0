"""Word timestamps from the decoder's cross-attention.

Some attention heads follow the audio; the cheapest monotone path through their mean attention
gives the start of each token.

Source: the word timestamps published with Whisper; dynamic time warping after Sakoe and
Chiba 1978.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.asr.speech_activity import FRAME as DETECTOR_FRAME
from models.asr.speech_activity import Region, widened
from models.asr.whisper.decoder import DecodedTokens, DecoderState, WhisperDecoder
from models.asr.whisper.tokenizer import Task, WhisperTokenizer
from models.asr.words import RATE

FRAME = 320  # samples of an encoder frame: 20 ms
MEDIAN_WIDTH = 7  # frames over which attention is smoothed
MAX_LENGTH = 2.0  # of a word beside a pause, in median word lengths
MAX_STRAY = 15  # frames beyond a pause that belong to the neighboring word
MAX_MEDIAN = 0.7 * RATE / FRAME  # frames of a median word: slower speech is a wrong alignment


@dataclass(frozen=True, slots=True)
class WordSpan:
    """One word's tokens, and its start and end in encoder frames since the window began."""

    tokens: tuple[int, ...]
    start: int
    end: int


def align(
    decoder: WhisperDecoder,
    tokenizer: WhisperTokenizer,
    state: DecoderState,
    words: Sequence[Sequence[int]],
    *,
    frames: int,
    delay: int = 0,
    speech: NDArray[np.bool_] | None = None,
    language: str | None = None,
    task: Task = "transcribe",
    read: DecodedTokens | None = None,
) -> list[WordSpan]:
    """Return the span of each of `words`, groups of text tokens, in the first `frames` frames.

    `state` is any decoder state over the window. With `speech`, (frames,), words are placed in
    the frames where it is True only. Spans are in order and do not overlap. `read` are the words
    after an opening without timestamps, if they were decoded before.
    """
    tokens = [token for word in words for token in word]
    if not tokens:
        return []
    opening = tokenizer.opening(language, timestamps=False, task=task)
    read = read or decoder.decode([*opening, *tokens], state.cut(0))
    scores = decoder.cross_scores(read.queries, state.sound)[:, :, :frames]
    if speech is not None:
        scores = scores[:, :, torch.from_numpy(np.flatnonzero(speech)).to(scores.device)]
    attention = _smoothed(scores.softmax(2))[len(opening) - 1 :]
    starts = token_starts(attention.cpu().numpy())
    spans, first = [], 0
    for word in words:
        end = first + tokenizer.core_length(word)
        spans.append(WordSpan(tuple(word), int(starts[first]), int(starts[end])))
        first += len(word)
    return _without_pauses(spans) if speech is None else _in_speech(spans, speech, delay)


def speech_frames(speech: Sequence[Region], length: int) -> NDArray[np.bool_]:
    """Return which encoder frames of `length` samples hold `speech`, bool (frames,).

    The detector notices speech a frame of its own late.
    """
    frames = np.zeros(-(-length // FRAME), np.bool_)
    for start, end in widened(speech, DETECTOR_FRAME, length):
        frames[start // FRAME : -(-end // FRAME)] = True
    return frames


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


def _in_speech(spans: list[WordSpan], speech: NDArray[np.bool_], delay: int) -> list[WordSpan]:
    """Turn spans of frames with `speech` into spans of all frames, none of them over a pause.

    The path may enter a word a few frames before or after a pause. A word that it places on both
    sides belongs to the side with more of it, and the words beside a pause extend to it.
    """
    frames = np.flatnonzero(speech)
    first_after_pause = np.flatnonzero(np.diff(frames) > 1) + 1
    bounds = [0, *first_after_pause.tolist(), len(frames)]
    lead = min(0, delay)
    sides = [_side(WordSpan((), span.start - lead, span.end - lead), bounds) for span in spans]
    placed = []
    for index, (span, (first, last)) in enumerate(zip(spans, sides, strict=True)):
        start, end = max(first, span.start - delay), min(last, span.end - delay)
        if start - first <= MAX_STRAY and (index == 0 or sides[index - 1] != (first, last)):
            start = first
        if last - end <= MAX_STRAY and (index + 1 == len(spans) or sides[index + 1][0] != first):
            end = last
        begin = int(frames[min(start, len(frames) - 1)])
        placed.append(
            WordSpan(span.tokens, begin, int(frames[end - 1]) + 1 if end > start else begin)
        )
    return placed


def _side(span: WordSpan, bounds: Sequence[int]) -> tuple[int, int]:
    """Return the two neighboring `bounds` between which most of `span` is."""
    sides = [
        (min(last, span.end) - max(first, span.start), first, last)
        for first, last in pairwise(bounds)
    ]
    return max(sides, key=lambda side: side[0])[1:]
