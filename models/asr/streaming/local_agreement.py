"""Streaming captions from any Whisper, by transcribing again and keeping what stays the same.

After every `interval` of new audio, the audio since the last cut is transcribed again. Words that
two transcripts in a row agree on are committed and forced in the next one, so a committed word
never changes and the text after it fits it. `agreement_window` cuts long audio. Whisper stops after
a sentence or skips one, so words are compared with the speech that the detector hears: what was
skipped, and at the end of the turn the speech after the last word, is transcribed by itself.

Source: LocalAgreement-2, Liu et al. 2020; whisper_streaming, Machacek et al. 2023.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from itertools import takewhile

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.speech_activity import Region, VoiceActivityDetector, detect_speech
from models.asr.streaming.agreement_window import (
    LocalAgreementConfig,
    LocalAgreementState,
    WindowCutter,
    cuts_after,
    is_within,
    punctuation_without_time,
)
from models.asr.streaming.common_prefix import common_prefix
from models.asr.streaming.short_window import ShortWindow
from models.asr.unheard import are_likely, is_better, skipped_parts, unheard_after
from models.asr.whisper.alignment import FRAME, WordSpan, align
from models.asr.whisper.greedy import GreedyResult, greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters
from models.asr.whisper.mel import Samples
from models.asr.whisper.repetition import may_be_loop, spoken_words
from models.asr.whisper.tokenizer import comparable
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate, longest

MIN_SAMPLES = RATE // 5  # shorter audio is not transcribed
MARGIN = RATE // 10  # samples before speech: the detector may hear a soft onset late


class LocalAgreement:
    """A recognizer with an update for each transcript; those of one model may share a `window`."""

    def __init__(
        self,
        recognizer: WhisperModel,
        detector: VoiceActivityDetector,
        config: LocalAgreementConfig | None = None,
        *,
        window: ShortWindow | None = None,
    ) -> None:
        self.config = config or LocalAgreementConfig()
        self.recognizer = recognizer
        self._detector = detector
        self._window = window or ShortWindow(recognizer.encoder)
        self._filters = LogitFilters(recognizer.tokenizer, timestamps=False)
        self._cutter = WindowCutter(
            self.config, recognizer.tokenizer, recognizer.config.text_context
        )
        self._interval = round(self.config.interval * RATE)
        # Whole intervals; a window has room for twice `trim`, after which it is cut in any case.
        longest = min(2 * self.config.trim * RATE, recognizer.config.audio_context * FRAME)
        self._max_window = max(1, int(longest) // self._interval) * self._interval

    def in_language(self, language: str) -> "LocalAgreement":
        """Return a recognizer of `language` that shares everything else with this one.

        Raises:
            ValueError: the model does not know it.
        """
        self.recognizer.tokenizer.opening(language, timestamps=False)
        other = copy(self)
        other.config = replace(self.config, language=language)
        return other

    def init_state(self, start: int = 0) -> LocalAgreementState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return LocalAgreementState(
            np.zeros(0, np.float32), start, transcribed=start, committed_end=start
        )

    def step(
        self, state: LocalAgreementState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[LocalAgreementState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and transcribe after each interval.

        With `skip_interim` it transcribes once for each window at most, to catch up.
        """
        state = replace(state, sound=np.concatenate([state.sound, samples], dtype=np.float32))
        due = (state.end - state.transcribed) // self._interval * self._interval
        return self._transcribe_until(
            state, state.transcribed + due, self._max_window if skip_interim else self._interval
        )

    def flush(
        self, state: LocalAgreementState, last: Samples | None = None
    ) -> list[TranscriptUpdate]:
        """Transcribe the rest of the audio and commit all words; `last` is appended to it.

        Speech after the last word, where the transcript stopped early, is transcribed by itself.
        """
        if last is not None:
            state = replace(state, sound=np.concatenate([state.sound, last], dtype=np.float32))
        end = state.end
        state, updates = self._transcribe_until(state, end, self._max_window)
        words = [word for update in updates for word in update.committed] + [*state.tentative]
        speech = self._speech(state, end)
        heard = words[-1].end if words else state.committed_end
        while rest := unheard_after(speech, heard):
            start = max(heard, rest[0] - MARGIN)
            _, update = self._transcribe_to(state.from_sample(start, heard), end)
            found = update.committed + update.tentative
            if are_likely(found):
                words += found
                heard = max(rest[0] + MIN_SAMPLES, found[-1].end)
            else:
                heard = rest[1]
        return [TranscriptUpdate(tuple(words), (), end)]

    def _transcribe_until(
        self, state: LocalAgreementState, until: int, step: int
    ) -> tuple[LocalAgreementState, list[TranscriptUpdate]]:
        """Transcribe up to sample `until`, in steps that a window has room for."""
        updates: list[TranscriptUpdate] = []
        while state.transcribed < until:
            room = max(self._interval, state.start + self._max_window - state.transcribed)
            state, update = self._transcribe_to(
                state, min(until, state.transcribed + min(step, room))
            )
            updates.append(update)
        return state, updates

    def _speech(self, state: LocalAgreementState, until: int) -> list[Region]:
        """Return where there is speech between the last committed word and sample `until`."""
        first = max(state.start, state.committed_end)
        sound = state.sound[first - state.start : until - state.start]
        return [(first + a, first + b) for a, b in detect_speech(self._detector, sound)]

    def _transcribe_to(
        self, state: LocalAgreementState, until: int
    ) -> tuple[LocalAgreementState, TranscriptUpdate]:
        """Transcribe the audio up to sample `until`; a part that was skipped is one by itself."""
        committed: list[RecognizedWord] = []
        speech = self._speech(state, until)
        while True:
            after, update = self._transcribe_once(state, until, speech)
            words = [*update.committed, *update.tentative]
            parts = skipped_parts(speech, words, state.committed_end)
            part, found = self._first_better(state, parts, words)
            if part is None:
                return after, replace(update, committed=(*committed, *update.committed))
            committed += [word for word in words if word.start + word.end < 2 * part[0]]
            committed += found
            state = state.from_sample(part[1], found[-1].end)
            speech = [region for region in speech if region[0] >= part[1]]

    def _first_better(
        self,
        state: LocalAgreementState,
        parts: Sequence[Region],
        words: Sequence[RecognizedWord],
    ) -> tuple[Region | None, list[RecognizedWord]]:
        """Return the first of `parts` that holds more by itself than in `words`, and its words."""
        for part in parts:
            found = self._transcribe_part(state, part)
            if is_better(found, [word for word in words if is_within(word, part)]):
                return part, found
        return None, []

    def _transcribe_part(self, state: LocalAgreementState, part: Region) -> list[RecognizedWord]:
        """Return the words of `part` of the sound by itself."""
        start = max(state.start, state.committed_end, part[0] - MARGIN)
        alone = state.from_sample(start, max(start, part[0]))
        _, update = self._transcribe_once(alone, part[1], [part])
        return [*update.committed, *update.tentative]

    @torch.inference_mode()
    def _transcribe_once(
        self, state: LocalAgreementState, until: int, speech: Sequence[Region]
    ) -> tuple[LocalAgreementState, TranscriptUpdate]:
        """Transcribe the audio up to sample `until`, and commit the words that agree."""
        sound = state.sound[: until - state.start]
        if len(sound) < MIN_SAMPLES:
            return replace(state, transcribed=until), TranscriptUpdate((), state.tentative, until)
        result = self._transcribe(state, sound, state.forced)
        silent = result.no_speech > self.config.no_speech
        tokens = [] if silent else list(result.tokens)
        frames = state.speech_frames(speech, len(sound))
        now = self._spoken(state, result, frames, tokens)
        if not speech:
            now = list(takewhile(lambda word: not self._is_word(word), now))
        new = self._words_to_commit(state, now, until)
        later = [token for word in now for token in word][sum(map(len, new)) :]
        rest = self.recognizer.tokenizer.words(later, self.config.language)
        old = len(state.committed)
        spans = self._align(result, [*state.committed, *new, *rest], frames)
        words = self._words(spans[old:], result.log_probs, state, until)
        committed, tentative = tuple(words[: len(new)]), tuple(words[len(new) :])
        state = replace(
            state,
            transcribed=until,
            committed_end=committed[-1].end if committed else state.committed_end,
            committed=(*state.committed, *map(tuple, new)),
            cuts=cuts_after(spans, old + len(new), state.start),
            hypothesis=tuple(map(tuple, rest)),
            tentative=tentative,
        )
        return self._cutter.cut(state, speech), TranscriptUpdate(committed, tentative, until)

    def _transcribe(
        self, state: LocalAgreementState, sound: Samples, forced: list[int]
    ) -> GreedyResult:
        recognizer, config = self.recognizer, self.config
        prompt = state.context[-config.prompt :] if config.prompt else ()
        max_tokens = 10 + round(self.config.max_token_rate * len(sound) / RATE) - len(forced)
        return greedy(
            recognizer.decoder,
            self._filters,
            recognizer.decoder.open(self._window.encode(sound)),
            recognizer.tokenizer.opening(config.language, timestamps=False, prompt=prompt),
            forced=forced,
            draft=[token for word in state.hypothesis for token in word],
            max_tokens=max(1, max_tokens),
        )

    def _spoken(
        self,
        state: LocalAgreementState,
        result: GreedyResult,
        frames: NDArray[np.bool_],
        tokens: list[int],
    ) -> list[list[int]]:
        """Return `tokens` as words, without the repetitions that there is no sound for."""
        words = self.recognizer.tokenizer.words(tokens, self.config.language)
        texts = [comparable(self.recognizer.tokenizer, word) for word in words]
        if not may_be_loop(texts):
            return words
        spans = self._align(result, [*state.committed, *words], frames)[len(state.committed) :]
        kept = spoken_words(texts, [span.start for span in spans])
        return [words[index] for index in kept]

    def _words_to_commit(
        self, state: LocalAgreementState, now: list[list[int]], until: int
    ) -> list[list[int]]:
        """Return the words of `now` to commit; punctuation alone waits for a word or the stall."""
        if not state.committed and until - state.start > 2 * self.config.trim * RATE:
            return now[:-1] or now  # no two transcripts agreed for long: commit before it is cut
        if state.committed and not any(map(self._is_word, now)):
            return now if until - state.committed_end > self.config.stall * RATE else []
        return common_prefix(self.recognizer.tokenizer, list(map(list, state.hypothesis)), now)

    def _is_word(self, word: Sequence[int]) -> bool:
        """Return whether `word` is more than punctuation."""
        return bool(comparable(self.recognizer.tokenizer, word))

    def _align(
        self,
        result: GreedyResult,
        words: Sequence[Sequence[int]],
        frames: NDArray[np.bool_],
    ) -> list[WordSpan]:
        """Return the spans of `words`; punctuation takes no time, so no sound is cut with it."""
        spans = align(
            self.recognizer.decoder,
            self.recognizer.tokenizer,
            result.state,
            words,
            frames=len(frames),
            speech=frames if frames.any() else None,
            delay=self.recognizer.delay,
            language=self.config.language,
        )
        return punctuation_without_time(spans, self._is_word)

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
            text = self.recognizer.tokenizer.decode(span.tokens)
            end = max(start, state.start + span.end * FRAME)
            committed_end = min(until, end, start + longest(text))
            probability = float(np.exp(log_probs[first:last]).mean())
            words.append(RecognizedWord(text, start, committed_end, probability))
            first = last
        return words
