"""A peer: Whisper as published, streamed by the AlignAtt policy of SimulStreaming.

Every `interval` all audio so far is encoded again and decoding continues, until a token attends to
the newest `margin` frames: it waits for more audio.

Source: AlignAtt, Papi et al. 2023; SimulStreaming, Machacek and Polak 2025.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.streaming.causal_decoder import attended_frames
from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.alignment import FRAME
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters
from models.asr.whisper.repetition import ends_in_loop
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class AlignAttState:
    """The audio so far, its processed length, and the tokens; `words` were emitted."""

    sound: Samples
    processed: int = 0
    tokens: tuple[int, ...] = ()
    words: int = 0


class AlignAtt:
    """A stream for clips that fit into one window."""

    def __init__(self, recognizer: WhisperModel, *, interval: float, margin: int = 25) -> None:
        self._recognizer = recognizer
        self._interval = round(interval * RATE)
        self._margin = margin
        self._window = ShortWindow(recognizer.encoder)
        self._rules = LogitFilters(recognizer.tokenizer, timestamps=False)
        self._opening = recognizer.tokenizer.opening(None, timestamps=False)

    def init_state(self) -> AlignAttState:
        return AlignAttState(np.zeros(0, np.float32))

    def step(
        self, state: AlignAttState, samples: Samples
    ) -> tuple[AlignAttState, list[TranscriptUpdate]]:
        state = replace(state, sound=np.concatenate([state.sound, samples]))
        heard = []
        while len(state.sound) - state.processed >= self._interval:
            state = replace(state, processed=state.processed + self._interval)
            state, news = self._process(state, done=False)
            heard.append(news)
        return state, heard

    def flush(self, state: AlignAttState) -> list[TranscriptUpdate]:
        return [self._process(replace(state, processed=len(state.sound)), done=True)[1]]

    @torch.inference_mode()
    def _process(
        self, state: AlignAttState, *, done: bool
    ) -> tuple[AlignAttState, TranscriptUpdate]:
        decoder, tokenizer = self._recognizer.decoder, self._recognizer.tokenizer
        known = state.processed // FRAME
        tokens = list(state.tokens)
        reads = [*self._opening, *tokens]
        text = decoder.open(self._window.encode(state.sound[: state.processed]))
        audible = text.sound.until(known)
        while len(tokens) < 10 + 8 * state.processed / RATE:
            read = decoder.decode(reads, text)
            text = read.state
            token = int(self._rules.apply(read.logits[0], tokens).argmax())
            (frame,) = attended_frames(decoder, read.queries[:, -1:], audible)
            known_tokens = [*tokens, token]
            ended = token == tokenizer.end or ends_in_loop(known_tokens, [0] * len(known_tokens))
            if ended or (not done and known - frame < self._margin):
                break
            tokens.append(token)
            reads = [token]
        words = tokenizer.words(tokens)
        out = len(words) if done else max(state.words, len(words) - 1)  # the last may go on
        fresh = tuple(
            RecognizedWord(tokenizer.decode(word), 0, 0) for word in words[state.words : out]
        )
        return replace(state, tokens=tuple(tokens), words=out), TranscriptUpdate(
            fresh, (), state.processed
        )
