"""Streaming captions from a Whisper that was not made for it: listen again, keep what stays.

Every `interval` of new sound the sound since the last cut is transcribed again. Words that two
transcripts in a row agree on are committed, and said again by force in the next one, so a
committed word never changes and the text after it fits it. When the sound grows long it is cut
after a committed word, and the text before the cut becomes the prompt.

Source: LocalAgreement-2, Liu et al. 2020; whisper_streaming, Machacek et al. 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from models.asr.streaming.agreement import agreed, plain, without_loop
from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.align import FRAME, Span, align
from models.asr.whisper.greedy import Greedy, greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import Rules
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

SHORTEST = RATE // 5  # samples: less sound than this is not listened to
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAgreementConfig:
    """When to listen and what to keep.

    `interval` is in seconds of sound, at positions counted from the stream's beginning. On 29
    clips with tiny.en, one second commits words 1.3 s after their end (median) for 0.27 CPU-s a
    second, half a second 0.5 s after for 0.53, with as many errors. Past `trim` seconds, sound
    is cut; so it is where no word came for `stall` seconds: Whisper likes to end after a
    sentence that it was made to say, and hears what follows once that is gone. `prompt` is how
    many tokens of earlier text the decoder sees.
    Where "no speech" is likelier than `no_speech`, nothing is heard: silence, noise and tones
    are above 0.85, speech was below 0.55. `rate` bounds a transcript, in tokens a second of sound.
    """

    interval: float = 1.0
    trim: float = 12.0
    prompt: int = 60
    stall: float = 2.0
    no_speech: float = 0.7
    rate: float = 8.0
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AgreementState:
    """What a stream remembers; places are samples since the stream began.

    `sound` is float32 (n,) and begins at `start`. The tokens `before` were said before it,
    `committed` in it, and `hypothesis` is what the last transcript said after those, placed in
    `tentative`. `listened` is where the last transcript ended, `said` where the last committed
    word did.
    """

    sound: Samples
    start: int
    listened: int
    said: int
    before: tuple[int, ...] = ()
    committed: tuple[tuple[int, ...], ...] = ()
    ends: tuple[int, ...] = ()
    hypothesis: tuple[tuple[int, ...], ...] = ()
    tentative: tuple[RecognizedWord, ...] = ()

    @property
    def end(self) -> int:
        return self.start + len(self.sound)


class LocalAgreement:
    """A streaming recogniser: sound in, one `Heard` for each time it listened."""

    def __init__(
        self, recogniser: WhisperModel, config: LocalAgreementConfig | None = None
    ) -> None:
        self.config = config or LocalAgreementConfig()
        self.recogniser = recogniser
        self._window = ShortWindow(recogniser.model)
        self._rules = Rules(recogniser.tokenizer, timestamps=False)
        self._opening = recogniser.tokenizer.opening(self.config.language, timestamps=False)
        self._interval = round(self.config.interval * RATE)

    def init_state(self, start: int = 0) -> AgreementState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return AgreementState(np.zeros(0, np.float32), start, listened=start, said=start)

    def step(
        self, state: AgreementState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[AgreementState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and listen where an interval is full.

        With `hurry` it listens once at most, at the newest place: for a caller who fell behind.
        """
        state = replace(state, sound=np.concatenate([state.sound, samples], dtype=np.float32))
        heard: list[TranscriptUpdate] = []
        due = (state.end - state.listened) // self._interval
        for number in [due] if skip_interim and due else [1] * due:
            state, news = self._listen(state, state.listened + number * self._interval)
            heard.append(news)
        return state, heard

    def flush(self, state: AgreementState, last: Samples | None = None) -> list[TranscriptUpdate]:
        """Listen once more if there is sound that was not listened to, and commit everything.

        `last` is sound that is heard with it, without listening in between.
        """
        if last is not None:
            state = replace(state, sound=np.concatenate([state.sound, last], dtype=np.float32))
        if state.end == state.listened:
            return [TranscriptUpdate(state.tentative, (), state.end)]
        after, news = self._listen(state, state.end)
        committed = news.committed + news.tentative
        if after.start > state.start and not after.hypothesis:  # cut: what follows is unheard
            _, news = self._listen(after, state.end)
            committed += news.committed + news.tentative
        return [TranscriptUpdate(committed, (), state.end)]

    @torch.inference_mode()
    def _listen(self, state: AgreementState, until: int) -> tuple[AgreementState, TranscriptUpdate]:
        """Transcribe the sound up to sample `until`, and commit what has been said twice."""
        sound = state.sound[: until - state.start]
        if len(sound) < SHORTEST:
            return replace(state, listened=until), TranscriptUpdate((), state.tentative, until)
        forced = [token for word in state.committed for token in word]
        result = self._transcribe(state, sound, forced)
        silent = result.no_speech > self.config.no_speech
        tail = [] if silent else without_loop(result.tokens)
        now = self.recogniser.tokenizer.words(tail, self.config.language)
        new = self._new(state, now, until)
        later = tail[sum(map(len, new)) :]
        rest = self.recogniser.tokenizer.words(later, self.config.language)
        old = len(state.committed)
        spans = self._place(result, [*state.committed, *new, *rest], len(sound))
        words = self._words(spans[old:], result.chances, state, until)
        committed, tentative = tuple(words[: len(new)]), tuple(words[len(new) :])
        state = replace(
            state,
            listened=until,
            said=committed[-1].end if committed else state.said,
            committed=(*state.committed, *map(tuple, new)),
            ends=_ends(spans, old + len(new), state.start),
            hypothesis=tuple(map(tuple, rest)),
            tentative=tentative,
        )
        return self._cut(state), TranscriptUpdate(committed, tentative, until)

    def _transcribe(self, state: AgreementState, sound: Samples, forced: list[int]) -> Greedy:
        before = state.before[-self.config.prompt :] if self.config.prompt else ()
        earlier = (self.recogniser.tokenizer.previous, *before) if before else ()
        longest = 10 + round(self.config.rate * len(sound) / RATE) - len(forced)
        return greedy(
            self.recogniser.model,
            self._rules,
            self._window.listen(sound),
            (*earlier, *self._opening),
            forced=forced,
            draft=[token for word in state.hypothesis for token in word],
            longest=max(1, longest),
        )

    def _new(self, state: AgreementState, now: list[list[int]], until: int) -> list[list[int]]:
        """Return the words of `now` to commit; marks alone wait for a word, but not for ever."""
        if not state.committed and until - state.start > 2 * self.config.trim * RATE:
            return now[:-1]  # no two transcripts agreed for long: take this one, or lose it
        if state.committed and not any(map(self._spoken, now)):
            return now if until - state.said > self.config.stall * RATE else []
        return agreed(self.recogniser.tokenizer, list(map(list, state.hypothesis)), now)

    def _spoken(self, word: Sequence[int]) -> bool:
        """Tell whether `word` is more than a mark."""
        return bool(plain(self.recogniser.tokenizer, word))

    def _place(self, result: Greedy, words: Sequence[Sequence[int]], length: int) -> list[Span]:
        return align(
            self.recogniser.model,
            self.recogniser.tokenizer,
            self.recogniser.heads,
            result.state,
            words,
            frames=-(-length // FRAME),
            language=self.config.language,
        )

    def _words(
        self, spans: list[Span], chances: Sequence[float], state: AgreementState, until: int
    ) -> list[RecognizedWord]:
        """Return `spans` as words in the stream, in order, between what was said and `until`."""
        words, first, said = [], 0, state.said
        for span in spans:
            last = first + len(span.tokens)
            start = min(until, max(said, state.start + span.start * FRAME))
            said = min(until, max(start, state.start + span.end * FRAME))
            text = self.recogniser.tokenizer.decode(span.tokens)
            probability = float(np.exp(chances[first:last]).mean())
            words.append(RecognizedWord(text, start, said, probability))
            first = last
        return words

    def _cut(self, state: AgreementState) -> AgreementState:
        """Return the state without its oldest sound, if it has grown long."""
        # Sound not listened to yet does not count: how much of it there is depends on the chunks.
        long = state.listened - state.start > self.config.trim * RATE
        silent = state.listened - state.said > self.config.stall * RATE and not state.hypothesis
        if not (long or (silent and state.committed)):
            return state
        if not state.committed:
            return self._given_up(state)
        count = (0 if silent else self._last_sentence(state)) or len(state.committed)
        start = min(state.ends[count - 1], state.listened)
        gone = tuple(token for word in state.committed[:count] for token in word)
        return replace(
            state,
            sound=state.sound[start - state.start :],
            start=start,
            before=(*state.before, *gone)[-self.recogniser.model.config.text_context :],
            committed=state.committed[count:],
            ends=state.ends[count:],
        )

    def _given_up(self, state: AgreementState) -> AgreementState:
        """Return the state without sound that held no words, or none to agree on for too long."""
        if state.hypothesis and state.listened - state.start <= 2 * self.config.trim * RATE:
            return state
        start = max(state.start, state.listened - RATE)  # a word may have begun
        sound = state.sound[start - state.start :]
        return replace(state, sound=sound, start=start, hypothesis=(), tentative=())

    def _last_sentence(self, state: AgreementState) -> int:
        """Return how many committed words end with the last whole sentence, if it was long."""
        for count in range(len(state.committed), 0, -1):
            text = self.recogniser.tokenizer.decode(state.committed[count - 1])
            if text.endswith(SENTENCE_ENDS):
                long = state.ends[count - 1] - state.start > self.config.trim * RATE / 3
                return count if long else 0
        return 0


def _ends(spans: list[Span], count: int, start: int) -> tuple[int, ...]:
    """Return where sound may be cut after each of the first `count` words: amid the pause."""
    ends = []
    for index, span in enumerate(spans[:count]):
        later = spans[index + 1].start if index + 1 < len(spans) else span.end
        ends.append(start + (span.end + later) // 2 * FRAME)
    return tuple(ends)
