"""The last word on a turn: heard whole by an offline Whisper, once nobody adds to it any more.

A stream hears each moment before what follows it. When a turn is over there is no such hurry:
the offline model hears all of it, with the streamed text as a guess that saves it most of the
decoding where it agrees. Longer turns are cut where they are quietest; the parts do not see
each other's text, as a prompt that the sound repeats makes tiny.en skip the repetition.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from models.asr.agreement import without_loop
from models.asr.align import FRAME, align
from models.asr.greedy import Greedy, greedy
from models.asr.mel import Samples
from models.asr.recogniser import Recogniser
from models.asr.rules import Rules
from models.asr.silence import ShortWindow
from models.asr.words import RATE, Word, text_of

LONGEST = 28 * RATE  # samples heard at once: a window, less the silence that must follow
SHORTEST = RATE // 5  # less sound than this is not listened to
QUIET = RATE // 5  # a cut is made where so many samples are the quietest
NO_SPEECH = 0.7  # likelier than this, nothing is heard
TOKENS = 8.0  # a second of sound, at most


class FinalPass:
    """Writes whole turns; shared by all sessions."""

    def __init__(self, recogniser: Recogniser, *, language: str | None = None) -> None:
        self.recogniser = recogniser
        self._language = language
        self._window = ShortWindow(recogniser.model)
        self._rules = Rules(recogniser.tokenizer, timestamps=False)

    @torch.inference_mode()
    def hear(self, samples: Samples, guess: Sequence[Word] = ()) -> list[Word]:
        """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz.

        `guess` are words that were heard in them before, and change the time only.
        """
        words: list[Word] = []
        for start, end in _parts(samples):
            if end - start >= SHORTEST:
                guessed = text_of([word for word in guess if start <= word.start < end])
                words += [_moved(word, start) for word in self._part(samples[start:end], guessed)]
        return words

    def _part(self, samples: Samples, guess: str) -> list[Word]:
        tokenizer = self.recogniser.tokenizer
        heard = greedy(
            self.recogniser.model,
            self._rules,
            self._window.listen(samples),
            tokenizer.opening(self._language, timestamps=False),
            draft=tokenizer.encode(" " + guess) if guess else (),
            longest=10 + round(TOKENS * len(samples) / RATE),
        )
        if heard.no_speech > NO_SPEECH:
            return []
        return self._words(heard, without_loop(heard.tokens), len(samples))

    def _words(self, heard: Greedy, tokens: Sequence[int], length: int) -> list[Word]:
        """Place `tokens`, the beginning of what was heard, in a sound of `length` samples."""
        tokenizer = self.recogniser.tokenizer
        spans = align(
            self.recogniser.model,
            tokenizer,
            self.recogniser.heads,
            heard.state,
            tokenizer.words(tokens, self._language),
            frames=-(-length // FRAME),
            language=self._language,
        )
        words, first = [], 0
        for span in spans:
            chances = heard.chances[first : first + len(span.tokens)]
            first += len(span.tokens)
            start, end = min(length, span.start * FRAME), min(length, span.end * FRAME)
            probability = float(np.exp(chances).mean())
            words.append(Word(tokenizer.decode(span.tokens), start, end, probability))
        return words


def _parts(samples: Samples) -> Iterator[tuple[int, int]]:
    """Cut sound into parts of at most LONGEST, where it is quietest."""
    start = 0
    while len(samples) - start > LONGEST:
        earliest = start + LONGEST // 2
        power = samples[earliest : start + LONGEST].astype(np.float64) ** 2
        level = np.convolve(power, np.ones(QUIET), "valid")[:: RATE // 100]
        end = earliest + int(level.argmin()) * (RATE // 100) + QUIET // 2
        yield start, end
        start = end
    yield start, len(samples)


def _moved(word: Word, by: int) -> Word:
    return Word(word.text, word.start + by, word.end + by, word.probability)
