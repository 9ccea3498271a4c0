"""Turns made of clips, and the ways in which their sound reaches a recognizer."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray

from models.asr.words import RATE, RecognizedWord, TranscriptUpdate, join_words
from models.training.asr.scoring import NORMAL

Samples = NDArray[np.float32]
NamedClip = tuple[str, str, Samples]  # a name, the text and the samples
Recognizer = Any  # `media.pipeline.interfaces.SpeechRecognizer`
PAUSES = (0.1, 0.2, 0.3, 0.45)  # seconds between clips: less than ends a turn
LATE = 3.0  # seconds of sound that wait on a machine that is behind


@dataclass(frozen=True)
class Turn:
    """Clips joined: their names, what is said, and the sound."""

    name: str
    text: str
    samples: Samples

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def joined(clips: Sequence[NamedClip], pause: float) -> Turn:
    """Return a turn of `clips`, each a name, a text and samples, `pause` seconds apart."""
    silence = np.zeros(round(pause * RATE), np.float32)
    parts = [part for _, _, samples in clips for part in (silence, samples)]
    return Turn(
        f"{' + '.join(name for name, _, _ in clips)}, {pause} s apart",
        " ".join(text for _, text, _ in clips),
        np.concatenate(parts[1:]),
    )


def pairs(clips: Sequence[NamedClip], pause: float) -> Iterator[Turn]:
    """Yield each clip followed by each other one."""
    for pair in itertools.permutations(clips, 2):
        yield joined(pair, pause)


def drawn(clips: Sequence[NamedClip], count: int, seed: int) -> list[Turn]:
    """Return `count` turns of two to four clips, and pauses of several lengths between them."""
    rng = random.Random(seed)
    return [
        joined(rng.sample(clips, rng.choice((2, 3, 4))), rng.choice(PAUSES)) for _ in range(count)
    ]


def at_pace(recognizer: Recognizer, samples: Samples) -> list[RecognizedWord]:
    """Recognize `samples` as they arrive from a microphone, in pieces of 100 ms."""
    return _in_pieces(recognizer, samples, RATE // 10, skip_interim=False)


def behind(recognizer: Recognizer, samples: Samples) -> list[RecognizedWord]:
    """Recognize `samples` as on a machine that is behind, so that interim updates are skipped."""
    return _in_pieces(recognizer, samples, round(LATE * RATE), skip_interim=True)


def in_one_burst(recognizer: Recognizer, samples: Samples) -> list[RecognizedWord]:
    """Recognize `samples` that came at once with the end of the turn."""
    return _words(recognizer.flush(recognizer.init_state(), samples))


ARRIVALS: dict[str, Callable[[Recognizer, Samples], list[RecognizedWord]]] = {
    "at pace": at_pace,
    "behind": behind,
    "one burst": in_one_burst,
}


def _in_pieces(
    recognizer: Recognizer, samples: Samples, size: int, *, skip_interim: bool
) -> list[RecognizedWord]:
    state, words = recognizer.init_state(), list[RecognizedWord]()
    *pieces, last = np.split(samples, range(size, len(samples), size))
    for piece in pieces:
        state, updates = recognizer.step(state, piece, skip_interim=skip_interim)
        words += _words(updates)
    return words + _words(recognizer.flush(state, last))


def _words(updates: Sequence[TranscriptUpdate]) -> list[RecognizedWord]:
    return [word for update in updates for word in update.committed]


def lost_in_a_row(text: str, words: Sequence[RecognizedWord]) -> int:
    """Return the most words of `text` in a row that `words` lack, with nothing in their place.

    A recognizer's own errors are words in place of others, and single words.
    """
    compared = jiwer.process_words(NORMAL(text), NORMAL(join_words(list(words))) or "-")
    return max(
        (
            part.ref_end_idx - part.ref_start_idx
            for part in compared.alignments[0]
            if part.type == "delete"
        ),
        default=0,
    )
