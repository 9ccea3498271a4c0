"""The window of LocalAgreement: which sound it holds, and where it is cut.

Long audio is cut after a committed word, at the end of a sentence if there is one; the text before
the cut becomes the prompt.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.asr.speech_activity import Region
from models.asr.unheard import unheard_after
from models.asr.whisper.alignment import FRAME, WordSpan, speech_frames
from models.asr.whisper.mel import Samples
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.words import RATE, RecognizedWord

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAgreementConfig:
    """When to transcribe and what to keep; times are in seconds.

    `interval` counts from the start of the stream. With tiny.en on 29 clips, 1 s commits words
    1.3 s after their end (median) for 0.27 CPU-seconds per second, and 0.5 s commits them after
    0.5 s for 0.53, with as many errors. Audio is cut once it is longer than `trim`, or if no word
    came for `stall`: Whisper tends to stop after a sentence that was forced, and transcribes the
    rest once that sentence is cut off. `prompt` is the number of tokens of earlier text that the
    decoder gets. Above a "no speech" probability of `no_speech` there are no words: silence,
    noise and tones were above 0.85, speech below 0.55. `max_token_rate` limits a transcript, in
    tokens per second of audio.
    """

    interval: float = 1.0
    trim: float = 12.0
    prompt: int = 60
    stall: float = 2.0
    no_speech: float = 0.7
    max_token_rate: float = 8.0
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LocalAgreementState:
    """The state of a stream; positions are samples since the stream began.

    `sound`, float32 (n,), begins at `start`. The tokens `context` come before it, and the words
    `committed` belong to it; it can be cut after each of them, at `cuts`. `hypothesis` is the
    rest of the last transcript, `tentative` the same as words. `transcribed` is the end of the
    audio that was transcribed, `committed_end` that of the last committed word.
    """

    sound: Samples
    start: int
    transcribed: int
    committed_end: int
    context: tuple[int, ...] = ()
    committed: tuple[tuple[int, ...], ...] = ()
    cuts: tuple[int, ...] = ()
    hypothesis: tuple[tuple[int, ...], ...] = ()
    tentative: tuple[RecognizedWord, ...] = ()

    @property
    def end(self) -> int:
        return self.start + len(self.sound)

    @property
    def forced(self) -> list[int]:
        """The tokens of the committed words."""
        return [token for word in self.committed for token in word]

    def from_sample(self, start: int, committed_end: int) -> "LocalAgreementState":
        """Return a new stream over the sound from sample `start`."""
        sound = self.sound[start - self.start :]
        return LocalAgreementState(sound, start, self.transcribed, committed_end)

    def speech_frames(self, speech: Sequence[Region], length: int) -> NDArray[np.bool_]:
        """Return which frames of `length` samples hold `speech` or committed words."""
        regions = [(first - self.start, last - self.start) for first, last in speech]
        frames = speech_frames(regions, length)
        frames[: max(0, self.committed_end - self.start) // FRAME] = True
        return frames


class WindowCutter:
    """Removes sound whose words are committed; `context` is how many tokens of text are kept."""

    def __init__(
        self, config: LocalAgreementConfig, tokenizer: WhisperTokenizer, context: int
    ) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._context = context

    def cut(self, state: LocalAgreementState, speech: Sequence[Region]) -> LocalAgreementState:
        """Return the state without its oldest audio, if it is long or stalled.

        `speech` is where there is speech after the last committed word.
        """
        # Audio not transcribed yet does not count: its length depends on the chunks.
        long = state.transcribed - state.start > self._config.trim * RATE
        silent = (
            state.transcribed - state.committed_end > self._config.stall * RATE
            and not state.hypothesis
        )
        if not (long or (silent and state.committed)):
            return state
        if not state.committed:
            return state if state.hypothesis else self._without_wordless_sound(state, speech)
        count = (0 if silent else self._last_sentence(state)) or len(state.committed)
        start = state.cuts[count - 1]
        if silent and speech and unheard_after(speech, state.committed_end) is None:
            start = max(start, speech[-1][1])  # the rest of the word alone might sound like another
        start = min(start, state.transcribed)
        gone = tuple(token for word in state.committed[:count] for token in word)
        return replace(
            state,
            sound=state.sound[start - state.start :],
            start=start,
            context=(*state.context, *gone)[-self._context :],
            committed=state.committed[count:],
            cuts=state.cuts[count:],
        )

    def _without_wordless_sound(
        self, state: LocalAgreementState, speech: Sequence[Region]
    ) -> LocalAgreementState:
        """Return the state without audio that held no words; the last speech may yet have some."""
        begun = min(state.transcribed - RATE, speech[-1][0] if speech else state.transcribed)
        start = max(state.start, begun, state.transcribed - round(self._config.trim / 2 * RATE))
        sound = state.sound[start - state.start :]
        return replace(state, sound=sound, start=start, tentative=())

    def _last_sentence(self, state: LocalAgreementState) -> int:
        """Return how many committed words end with the last sentence, or 0 if that is too early."""
        for count in range(len(state.committed), 0, -1):
            text = self._tokenizer.decode(state.committed[count - 1])
            if text.endswith(SENTENCE_ENDS):
                long = state.cuts[count - 1] - state.start > self._config.trim * RATE / 3
                return count if long else 0
        return 0


def cuts_after(spans: Sequence[WordSpan], count: int, start: int) -> tuple[int, ...]:
    """Return where to cut after each of the first `count` words: the middle of the pause."""
    cuts = []
    for index, span in enumerate(spans[:count]):
        later = spans[index + 1].start if index + 1 < len(spans) else span.end
        cuts.append(start + (span.end + later) // 2 * FRAME)
    return tuple(cuts)


def is_within(word: RecognizedWord, part: Region) -> bool:
    """Return whether the middle of `word` is in `part`."""
    return part[0] <= (word.start + word.end) / 2 < part[1]


def punctuation_without_time(
    spans: Iterable[WordSpan], is_word: Callable[[Sequence[int]], bool]
) -> list[WordSpan]:
    """Return `spans` in which punctuation is at the end of the word before it."""
    kept: list[WordSpan] = []
    for span in spans:
        end = kept[-1].end if kept else span.start
        kept.append(span if is_word(span.tokens) else WordSpan(span.tokens, end, end))
    return kept
