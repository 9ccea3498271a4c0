"""Streaming captions from a causal Whisper: every block of sound is encoded and heard once.

After each block the last tokens are looked at again and new ones follow (`causal_text`). Keys
and values of sound and text are kept, so a block costs the same however long the stream.
Words with two more tokens after them are committed. Windows are cut at pauses, and the next
one is told what was said before.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.asr.streaming.causal import Blocks, CausalEncoder, EncoderState
from models.asr.streaming.causal_text import Draft, Said, Writer
from models.asr.streaming.running_mel import RunningMel, RunningMelState
from models.asr.whisper.align import FRAME
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples
from models.asr.whisper.prompt import prompted
from models.asr.whisper.whisper import KeyValue
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

REACH = 9  # frames from where a token is heard best to where it begins or ends, at most: 180 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalConfig:
    """How to stream.

    `chunk` is frames of 20 ms: 5, 15 or 50 for models trained so. `unstable` tokens at the end
    may be dropped at another look; `patience` is added to the score of "end of text": below 0
    it writes sooner, above 0 later. A stream is cut into windows: after `rotate` seconds where
    `pause` seconds brought no word, and at the end of the model's window anyway; the next
    window begins with the last `prompt` tokens read. `rate` bounds the text, in tokens a
    second of sound.
    """

    chunk: int = 15
    unstable: int = 2
    beam: int = 1
    patience: float = 0.0
    rotate: float = 20.0
    pause: float = 1.0
    prompt: int = 40
    rate: float = 12.0
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CausalState:
    """What a stream remembers; places are samples since the stream began.

    The window begins at `start`; `sound` is what was heard in it, float32 (n,). `draft` is
    what was written of it. `ends` is where the last committed word ended,
    `news` the frame at which the text last changed, and `reached` the latest place that was
    told. The tokens `before` were said before the window.
    """

    sound: Samples
    start: int
    mel: RunningMelState
    encoder: EncoderState
    draft: Draft
    heard: tuple[KeyValue, ...] = ()
    before: tuple[int, ...] = ()
    ends: int = 0
    news: int = 0
    reached: int = 0

    @property
    def frames(self) -> int:
        """How many frames of the window the decoder can look at."""
        return self.heard[0][0].shape[2] if self.heard else 0


class CausalStream:
    """A streaming recogniser: sound in, one `Heard` for each block."""

    def __init__(
        self,
        recogniser: WhisperModel,
        config: CausalConfig | None = None,
        *,
        blocks: Blocks | None = None,
    ) -> None:
        """Use `recogniser`, trained to hear in `blocks`, or else in those of `config`."""
        self.config = config or CausalConfig()
        self.recogniser = recogniser
        self._model = recogniser.model
        self._mel = RunningMel(self._model.config.mels)
        self._encoder = CausalEncoder(self._model, blocks or Blocks(chunk=self.config.chunk))
        self._writer = Writer(
            recogniser,
            unstable=self.config.unstable,
            patience=self.config.patience,
            beam=self.config.beam,
        )

    def init_state(self, start: int = 0) -> CausalState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return self._window(start, self._mel.init_state(), ())

    def _window(self, start: int, mel: RunningMelState, before: tuple[int, ...]) -> CausalState:
        opening = prompted(self.recogniser.tokenizer, before, self.config.language)
        return CausalState(
            np.zeros(0, np.float32),
            start,
            mel,
            self._encoder.init_state(),
            Draft(opening),
            before=before,
            ends=start,
        )

    @torch.inference_mode()
    def step(
        self, state: CausalState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[CausalState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and listen after each block.

        With `hurry` all blocks are encoded before the decoder looks: for a caller who fell
        behind.
        """
        heard: list[TranscriptUpdate] = []
        rest = samples
        while len(rest):
            room = self._limit() - len(state.sound)
            state, news = self._hear(state, rest[:room], skip_interim)
            rest = rest[room:]
            heard += news
            if self._paused(state) or len(state.sound) >= self._limit():
                state, news, again = self._rotate(state)
                heard += news
                rest = np.concatenate([again, rest])
        return state, heard

    @torch.inference_mode()
    def flush(self, state: CausalState, last: Samples | None = None) -> list[TranscriptUpdate]:
        """Look at the sound that filled no block, and commit everything; `last` belongs to it."""
        if last is not None:
            state, earlier = self.step(state, last, skip_interim=True)
            return [*earlier, *self.flush(state)]
        frames = self._mel.flush(state.mel)
        encoder, blocks = state.encoder, list[Tensor]()
        if frames:
            encoder, blocks = self._encoder.step(encoder, torch.stack(frames, 1))
        blocks += self._encoder.flush(encoder)
        if blocks:
            state = self._decode(self._take(state, blocks))
        words = self._words(state, state.draft.committed, len(state.draft.said))
        return [TranscriptUpdate(tuple(words), (), state.start + len(state.sound))]

    def _limit(self) -> int:
        """Return how many samples a window holds; whole frames of a mel picture are known."""
        return self._model.config.audio_context * FRAME - RATE // 10

    def _hear(
        self, state: CausalState, samples: Samples, hurry: bool
    ) -> tuple[CausalState, list[TranscriptUpdate]]:
        mel, frames = self._mel.step(state.mel, samples)
        sound = np.concatenate([state.sound, samples], dtype=np.float32)
        state = replace(state, sound=sound, mel=mel)
        if not frames:
            return state, []
        encoder, blocks = self._encoder.step(state.encoder, torch.stack(frames, 1))
        state = replace(state, encoder=encoder)
        heard = []
        for group in [blocks] if hurry and blocks else [[block] for block in blocks]:
            state, news = self._commit(self._decode(self._take(state, group)))
            heard.append(news)
        return state, heard

    def _take(self, state: CausalState, blocks: Sequence[Tensor]) -> CausalState:
        """Let the decoder look at `blocks` too."""
        fresh = self._model.init_state(torch.cat(list(blocks))[None]).sound
        if state.heard:
            pairs = zip(state.heard, fresh, strict=True)
            fresh = tuple(
                (torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)) for a, b in pairs
            )
        return replace(state, heard=fresh)

    def _decode(self, state: CausalState) -> CausalState:
        """Write on, now that more was heard."""
        most = round(self.config.rate * state.frames * FRAME / RATE) + 4
        draft = self._writer.look(state.draft, state.heard, most)
        changed = draft.tokens != state.draft.tokens
        return replace(state, draft=draft, news=state.frames if changed else state.news)

    def _commit(self, state: CausalState) -> tuple[CausalState, TranscriptUpdate]:
        """Commit the words that have `unstable` tokens after them."""
        tokens, done = state.draft.tokens, state.draft.committed
        groups = self.recogniser.tokenizer.words(tokens[done:], self.config.language)
        for group in groups[:-1]:
            if done + len(group) > len(tokens) - self.config.unstable:
                break
            done += len(group)
        committed = self._words(state, state.draft.committed, done)
        ends = committed[-1].end if committed else state.ends
        tentative = self._words(replace(state, ends=ends), done, len(tokens))
        position = max(state.reached, state.start + state.frames * FRAME)
        draft = replace(state.draft, committed=done)
        state = replace(state, draft=draft, ends=ends, reached=position)
        return state, TranscriptUpdate(tuple(committed), tuple(tentative), position)

    def _words(self, state: CausalState, first: int, last: int) -> list[RecognizedWord]:
        """Return tokens `first` to `last` as words, in order, after the last committed one."""
        tokenizer, said = self.recogniser.tokenizer, state.draft.said
        words, ended, until = [], state.ends, state.start + state.frames * FRAME
        for group in tokenizer.words([part.token for part in said[first:last]]):
            place, first = first, first + len(group)
            span = _span(said, place, place + tokenizer.core(group) - 1)
            start = min(until, max(ended, state.start + span[0] * FRAME))
            ended = min(until, max(start, state.start + span[1] * FRAME))
            probability = float(np.exp([part.chance for part in said[place:first]]).mean())
            words.append(RecognizedWord(tokenizer.decode(group), start, ended, probability))
        return words

    def _paused(self, state: CausalState) -> bool:
        """Tell whether the window is old, and nothing was said for a while."""
        quiet = (state.frames - state.news) * FRAME
        return state.frames * FRAME > self.config.rotate * RATE and quiet > self.config.pause * RATE

    def _rotate(self, state: CausalState) -> tuple[CausalState, list[TranscriptUpdate], Samples]:
        """Begin a window: at the pause, or where the last committed word ended, if that is late.

        Returns the sound after that place too, which the new window has to hear.
        """
        amid = state.ends > state.start + self._limit() // 2 and not self._paused(state)
        draft = state.draft
        if amid:
            words, cut, said = [], state.ends, draft.tokens[: draft.committed]
        else:
            words = self._words(state, draft.committed, len(draft.said))
            cut = state.start + max(0, state.frames * FRAME - RATE // 2)
            said = draft.tokens
        cut -= (cut - state.start) % FRAME
        again = state.sound[cut - state.start :]
        before = (*state.before, *said)[
            max(0, len(state.before) + len(said) - self.config.prompt) :
        ]
        fresh = self._window(cut, self._mel.init_state(state.mel.loudest), before)
        fresh = replace(fresh, reached=state.reached)
        return fresh, [TranscriptUpdate(tuple(words), (), state.reached)] if words else [], again


def _span(said: Sequence[Said], first: int, last: int) -> tuple[int, int]:
    """Return the frames where token `first` begins and token `last` ends.

    A token was looked for where it is heard best. Its neighbour begins half the way from there
    to where that one is, but no further than REACH: the rest is a pause.
    """
    start, end = said[first].frame, said[last].frame
    before = said[first - 1].frame if first else start - 2 * REACH
    after = said[last + 1].frame if last + 1 < len(said) else end + 2 * REACH
    return start - _half(start - before), end + _half(after - end)


def _half(frames: int) -> int:
    return min(REACH, max(0, frames) // 2)
