"""What a stream of captions is worth: errors, delay, flicker and cost of each clip.

A word's delay is counted from its end in the sound, as base's attention has it for the words
that were really said, to when it was shown and not taken back any more, and to when it was
committed. "Media" delay is the sound heard until then; "real" delay adds the time to compute
on one thread, when sound comes in pieces of 100 ms and each waits for those before it.
"""

import difflib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.whisper.alignment import FRAME, align
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import log_mel
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

CHUNK = RATE // 10  # samples handed to a stream at once
PADDING = RATE  # samples of silence, so that the last word can end

Samples = NDArray[np.float32]
Placed = list[tuple[str, float]]  # plain words, each with a time in seconds


class Stream(Protocol):
    """A streaming recognizer of `models.asr`."""

    def init_state(self) -> Any: ...

    def step(self, state: Any, samples: Samples) -> tuple[Any, Sequence[TranscriptUpdate]]: ...

    def flush(self, state: Any) -> Sequence[TranscriptUpdate]: ...


@dataclass(frozen=True)
class Moment:
    """What was known after `heard` seconds of sound, computed at `ready`; both in seconds."""

    heard: float
    ready: float
    committed: list[str]
    tentative: list[str]

    @property
    def shown(self) -> list[str]:
        return [*self.committed, *self.tentative]


@dataclass
class Followed:
    """One clip: its text, CPU-seconds, delays of its words, and how many words were taken back."""

    text: str
    cost: float
    seconds: float
    shown: list[float] = field(default_factory=list)
    committed: list[float] = field(default_factory=list)
    real: list[float] = field(default_factory=list)
    revised: int = 0
    words: int = 0


def follow(model: Stream, samples: Samples, reference: Placed) -> Followed:
    """Stream `samples` in real time, and record the time of each word."""
    moments: list[Moment] = []
    committed: list[str] = []
    text = ""
    free = cost = 0.0

    def note(outputs: Sequence[TranscriptUpdate], began: float, arrived: float) -> None:
        nonlocal free, cost, text
        spent = time.process_time() - began
        cost += spent
        free = max(free, arrived) + spent
        for heard in outputs:
            committed.extend(plain_words(heard.committed))
            text += "".join(word.text for word in heard.committed)
            at = heard.position / RATE
            moments.append(Moment(at, free, list(committed), plain_words(heard.tentative)))

    state = model.init_state()
    for start in range(0, len(samples), CHUNK):
        began = time.process_time()
        state, outputs = model.step(state, samples[start : start + CHUNK])
        note(outputs, began, min(len(samples), start + CHUNK) / RATE)
    began = time.process_time()
    note(model.flush(state), began, len(samples) / RATE)
    done = Followed(text, cost, len(samples) / RATE, words=len(committed))
    _delays(done, moments, reference)
    return done


def _delays(done: Followed, moments: list[Moment], reference: Placed) -> None:
    """Fill in the delays of the words that are in the reference too, and the revisions."""
    final = moments[-1].shown if moments else []
    shown = [_since(moments, index, final) for index in range(len(final))]
    ended = [word for word, _ in reference]
    # Words that came with the end of the clip show how the clip was cut, not how a stream lags.
    last = moments[-1] if moments else None
    for block in difflib.SequenceMatcher(None, final, ended, False).get_matching_blocks():
        for i in range(block.size):
            end = reference[block.b + i][1]
            first = shown[block.a + i]
            if first is not last:
                done.shown.append(first.heard - end)
                done.real.append(first.ready - end)
            kept = next(m for m in moments if len(m.committed) > block.a + i)
            if kept is not last:
                done.committed.append(kept.heard - end)
    for before, now in pairwise(moments):
        done.revised += len(before.shown) - _common(before.shown, now.shown)


def _since(moments: list[Moment], index: int, final: list[str]) -> Moment:
    """Return the moment from which word `index` of the final text was always shown."""
    since = moments[-1]
    for moment in reversed(moments):
        if moment.shown[: index + 1] != final[: index + 1]:
            break
        since = moment
    return since


def _common(one: list[str], two: list[str]) -> int:
    count = 0
    while count < min(len(one), len(two)) and one[count] == two[count]:
        count += 1
    return count


def plain_words(words: Sequence[RecognizedWord]) -> list[str]:
    return [text for word in words if (text := plain(word.text))]


def plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


@torch.inference_mode()
def word_ends(aligner: WhisperModel, samples: Samples, text: str) -> Placed:
    """Return each word of `text` with its end in the sound, in seconds."""
    decoder, tokenizer, config = aligner.decoder, aligner.tokenizer, aligner.config
    limit = config.audio_context * FRAME
    padded = np.pad(samples, (0, PADDING))[:limit]
    padded = padded[: len(padded) // FRAME * FRAME]
    state = decoder.open(aligner.encoder.encode(log_mel(padded, config.mels)))
    words = tokenizer.words(tokenizer.encode(" " + text))
    frames = min(-(-len(samples) // FRAME), config.audio_context)
    spans = align(decoder, tokenizer, state, words, frames=frames)
    placed = [(plain(tokenizer.decode(s.tokens)), s.end * FRAME / RATE) for s in spans]
    return [pair for pair in placed if pair[0]]


def interval(
    values: Sequence[Any], statistic: Callable[[Sequence[Any]], float], rounds: int = 1000
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `statistic` over clips drawn again and again."""
    rng = np.random.default_rng(0)
    found = sorted(
        statistic([values[i] for i in rng.integers(len(values), size=len(values))])
        for _ in range(rounds)
    )
    return found[round(0.025 * rounds)], found[round(0.975 * rounds) - 1]
