"""Streaming captions from any Whisper, by transcribing again and keeping what stays the same.

After every `interval` of new audio, the audio since the last cut is transcribed again. Words that
two transcripts in a row agree on are committed and forced in the next one, so a committed word
never changes and the text after it fits it. Long audio is cut after a committed word; the text
before the cut becomes the prompt.

Source: LocalAgreement-2, Liu et al. 2020; whisper_streaming, Machacek et al. 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from models.asr.streaming.common_prefix import common_prefix, comparable
from models.asr.streaming.repetition import without_repetition
from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.alignment import FRAME, WordSpan, align
from models.asr.whisper.greedy import GreedyResult, greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

MIN_SAMPLES = RATE // 5  # shorter audio is not transcribed
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


class LocalAgreement:
    """A streaming recognizer: one `TranscriptUpdate` for each transcript."""

    def __init__(
        self, recognizer: WhisperModel, config: LocalAgreementConfig | None = None
    ) -> None:
        self.config = config or LocalAgreementConfig()
        self.recognizer = recognizer
        self._window = ShortWindow(recognizer.model)
        self._filters = LogitFilters(recognizer.tokenizer, timestamps=False)
        self._interval = round(self.config.interval * RATE)

    def init_state(self, start: int = 0) -> LocalAgreementState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return LocalAgreementState(
            np.zeros(0, np.float32), start, transcribed=start, committed_end=start
        )

    def step(
        self, state: LocalAgreementState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[LocalAgreementState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and transcribe after each interval.

        With `skip_interim` it transcribes once at most, at the newest position, to catch up.
        """
        state = replace(state, sound=np.concatenate([state.sound, samples], dtype=np.float32))
        updates: list[TranscriptUpdate] = []
        due = (state.end - state.transcribed) // self._interval
        for number in [due] if skip_interim and due else [1] * due:
            state, update = self._transcribe_to(state, state.transcribed + number * self._interval)
            updates.append(update)
        return state, updates

    def flush(
        self, state: LocalAgreementState, last: Samples | None = None
    ) -> list[TranscriptUpdate]:
        """Transcribe the rest of the audio and commit all words; `last` is appended to it."""
        if last is not None:
            state = replace(state, sound=np.concatenate([state.sound, last], dtype=np.float32))
        if state.end == state.transcribed:
            return [TranscriptUpdate(state.tentative, (), state.end)]
        after, update = self._transcribe_to(state, state.end)
        committed = update.committed + update.tentative
        if after.start > state.start and not after.hypothesis:  # cut: transcribe what follows
            _, update = self._transcribe_to(after, state.end)
            committed += update.committed + update.tentative
        return [TranscriptUpdate(committed, (), state.end)]

    @torch.inference_mode()
    def _transcribe_to(
        self, state: LocalAgreementState, until: int
    ) -> tuple[LocalAgreementState, TranscriptUpdate]:
        """Transcribe the audio up to sample `until`, and commit the words that agree."""
        sound = state.sound[: until - state.start]
        if len(sound) < MIN_SAMPLES:
            return replace(state, transcribed=until), TranscriptUpdate((), state.tentative, until)
        forced = [token for word in state.committed for token in word]
        result = self._transcribe(state, sound, forced)
        silent = result.no_speech > self.config.no_speech
        tail = [] if silent else without_repetition(result.tokens)
        now = self.recognizer.tokenizer.words(tail, self.config.language)
        new = self._words_to_commit(state, now, until)
        later = tail[sum(map(len, new)) :]
        rest = self.recognizer.tokenizer.words(later, self.config.language)
        old = len(state.committed)
        spans = self._align(result, [*state.committed, *new, *rest], len(sound))
        words = self._words(spans[old:], result.log_probs, state, until)
        committed, tentative = tuple(words[: len(new)]), tuple(words[len(new) :])
        state = replace(
            state,
            transcribed=until,
            committed_end=committed[-1].end if committed else state.committed_end,
            committed=(*state.committed, *map(tuple, new)),
            cuts=_cuts(spans, old + len(new), state.start),
            hypothesis=tuple(map(tuple, rest)),
            tentative=tentative,
        )
        return self._cut(state), TranscriptUpdate(committed, tentative, until)

    def _transcribe(
        self, state: LocalAgreementState, sound: Samples, forced: list[int]
    ) -> GreedyResult:
        prompt = state.context[-self.config.prompt :] if self.config.prompt else ()
        max_tokens = 10 + round(self.config.max_token_rate * len(sound) / RATE) - len(forced)
        return greedy(
            self.recognizer.model,
            self._filters,
            self._window.encode(sound),
            self.recognizer.tokenizer.opening(
                self.config.language, timestamps=False, prompt=prompt
            ),
            forced=forced,
            draft=[token for word in state.hypothesis for token in word],
            max_tokens=max(1, max_tokens),
        )

    def _words_to_commit(
        self, state: LocalAgreementState, now: list[list[int]], until: int
    ) -> list[list[int]]:
        """Return the words of `now` to commit; punctuation alone waits for a word or the stall."""
        if not state.committed and until - state.start > 2 * self.config.trim * RATE:
            return now[:-1]  # no two transcripts agreed for long: commit this one before it is cut
        if state.committed and not any(map(self._is_word, now)):
            return now if until - state.committed_end > self.config.stall * RATE else []
        return common_prefix(self.recognizer.tokenizer, list(map(list, state.hypothesis)), now)

    def _is_word(self, word: Sequence[int]) -> bool:
        """Return whether `word` is more than punctuation."""
        return bool(comparable(self.recognizer.tokenizer, word))

    def _align(
        self, result: GreedyResult, words: Sequence[Sequence[int]], length: int
    ) -> list[WordSpan]:
        return align(
            self.recognizer.model,
            self.recognizer.tokenizer,
            self.recognizer.heads,
            result.state,
            words,
            frames=-(-length // FRAME),
            language=self.config.language,
        )

    def _words(
        self,
        spans: list[WordSpan],
        log_probs: Sequence[float],
        state: LocalAgreementState,
        until: int,
    ) -> list[RecognizedWord]:
        """Return `spans` as words of the stream, between the last committed word and `until`."""
        words, first, committed_end = [], 0, state.committed_end
        for span in spans:
            last = first + len(span.tokens)
            start = min(until, max(committed_end, state.start + span.start * FRAME))
            committed_end = min(until, max(start, state.start + span.end * FRAME))
            text = self.recognizer.tokenizer.decode(span.tokens)
            probability = float(np.exp(log_probs[first:last]).mean())
            words.append(RecognizedWord(text, start, committed_end, probability))
            first = last
        return words

    def _cut(self, state: LocalAgreementState) -> LocalAgreementState:
        """Return the state without its oldest audio, if it is long or stalled."""
        # Audio not transcribed yet does not count: its length depends on the chunks.
        long = state.transcribed - state.start > self.config.trim * RATE
        silent = (
            state.transcribed - state.committed_end > self.config.stall * RATE
            and not state.hypothesis
        )
        if not (long or (silent and state.committed)):
            return state
        if not state.committed:
            return self._without_wordless_sound(state)
        count = (0 if silent else self._last_sentence(state)) or len(state.committed)
        start = min(state.cuts[count - 1], state.transcribed)
        gone = tuple(token for word in state.committed[:count] for token in word)
        return replace(
            state,
            sound=state.sound[start - state.start :],
            start=start,
            context=(*state.context, *gone)[-self.recognizer.model.config.text_context :],
            committed=state.committed[count:],
            cuts=state.cuts[count:],
        )

    def _without_wordless_sound(self, state: LocalAgreementState) -> LocalAgreementState:
        """Return the state without audio that held no words, or no agreement for too long."""
        if state.hypothesis and state.transcribed - state.start <= 2 * self.config.trim * RATE:
            return state
        start = max(state.start, state.transcribed - RATE)  # a word may have started
        sound = state.sound[start - state.start :]
        return replace(state, sound=sound, start=start, hypothesis=(), tentative=())

    def _last_sentence(self, state: LocalAgreementState) -> int:
        """Return how many committed words end with the last sentence, or 0 if that is too early."""
        for count in range(len(state.committed), 0, -1):
            text = self.recognizer.tokenizer.decode(state.committed[count - 1])
            if text.endswith(SENTENCE_ENDS):
                long = state.cuts[count - 1] - state.start > self.config.trim * RATE / 3
                return count if long else 0
        return 0


def _cuts(spans: list[WordSpan], count: int, start: int) -> tuple[int, ...]:
    """Return where to cut after each of the first `count` words: the middle of the pause."""
    cuts = []
    for index, span in enumerate(spans[:count]):
        later = spans[index + 1].start if index + 1 < len(spans) else span.end
        cuts.append(start + (span.end + later) // 2 * FRAME)
    return tuple(cuts)
