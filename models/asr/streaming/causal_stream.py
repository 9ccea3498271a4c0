"""Streaming captions from a causal Whisper: each block of audio is encoded and decoded once.

After each block the last tokens are rescored and new ones follow (`causal_decoder`). Keys and
values of audio and text are cached, so a block costs the same at any point of the stream. A word
is committed once two more tokens follow it. Windows are cut at pauses; the last tokens of a
window are the prompt of the next.

Source: CarelessWhisper, Krichli et al. 2025, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from models.asr.streaming.causal_decoder import CausalDecoder, CausalHypothesis, DecodedToken
from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.streaming.causal_loading import CausalModel
from models.asr.streaming.causal_sound import CausalSoundEncoder, CausalSoundState
from models.asr.streaming.running_mel import RunningMel, RunningMelState
from models.asr.whisper.alignment import FRAME
from models.asr.whisper.mel import Samples
from models.asr.whisper.sound import EncodedSound
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate

MAX_HALF_TOKEN = 9  # frames from the most attended frame of a token to its start or end: 180 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalStreamConfig:
    """How to stream.

    `chunk` is the block size in frames of 20 ms that the model was trained for: 5, 15 or 50. The
    last `unstable` tokens may change. `end_bias` is added to the score of "end of text": words
    come sooner below 0, later above. A window ends after `window` seconds at a pause of `pause`
    seconds without a new word, or when the model has no positions left; the next window starts
    with the last `prompt` tokens. `max_token_rate` limits the text, in tokens per second of audio.
    """

    chunk: int = 15
    unstable: int = 2
    beam: int = 1
    end_bias: float = 0.0
    window: float = 20.0
    pause: float = 1.0
    prompt: int = 40
    max_token_rate: float = 12.0
    language: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CausalStreamState:
    """The state of a stream; positions are samples since the stream began.

    The window begins at `start` and holds `samples`, float32 (n,); the decoder hears it as
    `sound`, None before the first block, and `hypothesis` is its transcript.
    `committed_end` is the end of the last committed word, `last_change` the frame at which the
    text last changed, and `reported` the latest position of an update. The tokens `prompt` come
    from before the window.
    """

    samples: Samples
    start: int
    mel: RunningMelState
    encoder: CausalSoundState
    hypothesis: CausalHypothesis
    sound: EncodedSound | None = None
    prompt: tuple[int, ...] = ()
    committed_end: int = 0
    last_change: int = 0
    reported: int = 0

    @property
    def frames(self) -> int:
        """How many frames of the window the decoder can attend to."""
        return self.sound.frames if self.sound else 0


class CausalStream:
    """A streaming recognizer: one `TranscriptUpdate` for each block of audio."""

    def __init__(
        self,
        recognizer: CausalModel,
        config: CausalStreamConfig | None = None,
    ) -> None:
        """Use `recognizer`, with the blocks that it was published for, or those of `config`."""
        self.config = config or CausalStreamConfig()
        self.recognizer = recognizer
        self._mel = RunningMel(recognizer.config.mels)
        blocks = recognizer.blocks or BlockSizes(chunk=self.config.chunk)
        self._encoder = CausalSoundEncoder(recognizer.config, recognizer.encoder, blocks)
        self._decoder = CausalDecoder(
            recognizer,
            unstable=self.config.unstable,
            end_bias=self.config.end_bias,
            beam=self.config.beam,
        )

    def init_state(self, start: int = 0) -> CausalStreamState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return self._new_window(start, self._mel.init_state(), ())

    def _new_window(
        self, start: int, mel: RunningMelState, prompt: tuple[int, ...]
    ) -> CausalStreamState:
        opening = self.recognizer.tokenizer.opening(
            self.config.language, timestamps=False, prompt=prompt
        )
        return CausalStreamState(
            np.zeros(0, np.float32),
            start,
            mel,
            self._encoder.init_state(),
            CausalHypothesis(opening),
            prompt=prompt,
            committed_end=start,
        )

    @torch.inference_mode()
    def step(
        self, state: CausalStreamState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[CausalStreamState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and decode after each block.

        With `skip_interim` all blocks are encoded first and then decoded once, to catch up.
        """
        updates: list[TranscriptUpdate] = []
        rest = samples
        while len(rest):
            room = self._max_window() - len(state.samples)
            state, new = self._read(state, rest[:room], skip_interim)
            rest = rest[room:]
            updates += new
            if self._paused(state) or len(state.samples) >= self._max_window():
                state, new, again = self._next_window(state)
                updates += new
                rest = np.concatenate([again, rest])
        return state, updates

    @torch.inference_mode()
    def flush(
        self, state: CausalStreamState, last: Samples | None = None
    ) -> list[TranscriptUpdate]:
        """Transcribe the audio that filled no block, and commit all words; `last` is appended."""
        if last is not None:
            state, earlier = self.step(state, last, skip_interim=True)
            return [*earlier, *self.flush(state)]
        frames = self._mel.flush(state.mel)
        encoder, blocks = state.encoder, list[EncodedSound]()
        if frames:
            encoder, blocks = self._encoder.step(encoder, torch.stack(frames, 1))
        blocks += self._encoder.flush(encoder)
        if blocks:
            state = self._decode(self._append(state, blocks))
        words = self._words(state, state.hypothesis.committed, len(state.hypothesis.tokens))
        return [TranscriptUpdate(tuple(words), (), state.start + len(state.samples))]

    def _max_window(self) -> int:
        """Return how many samples a window holds, less the audio that mel frames still wait for."""
        return self.recognizer.config.audio_context * FRAME - RATE // 10

    def _read(
        self, state: CausalStreamState, samples: Samples, skip_interim: bool
    ) -> tuple[CausalStreamState, list[TranscriptUpdate]]:
        mel, frames = self._mel.step(state.mel, samples)
        heard = np.concatenate([state.samples, samples], dtype=np.float32)
        state = replace(state, samples=heard, mel=mel)
        if not frames:
            return state, []
        encoder, blocks = self._encoder.step(state.encoder, torch.stack(frames, 1))
        state = replace(state, encoder=encoder)
        updates = []
        for group in [blocks] if skip_interim and blocks else [[block] for block in blocks]:
            state, new = self._commit(self._decode(self._append(state, group)))
            updates.append(new)
        return state, updates

    def _append(
        self, state: CausalStreamState, blocks: Sequence[EncodedSound]
    ) -> CausalStreamState:
        """Add `blocks` to what the decoder attends to."""
        sound = state.sound
        for block in blocks:
            sound = sound.extended(block) if sound else block
        return replace(state, sound=sound)

    def _decode(self, state: CausalStreamState) -> CausalStreamState:
        """Update the transcript with the new audio."""
        max_tokens = round(self.config.max_token_rate * state.frames * FRAME / RATE) + 4
        assert state.sound is not None  # a block was appended
        hypothesis = self._decoder.update(state.hypothesis, state.sound, max_tokens)
        changed = hypothesis.token_ids != state.hypothesis.token_ids
        return replace(
            state, hypothesis=hypothesis, last_change=state.frames if changed else state.last_change
        )

    def _commit(self, state: CausalStreamState) -> tuple[CausalStreamState, TranscriptUpdate]:
        """Commit the words that have `unstable` tokens after them."""
        token_ids, done = state.hypothesis.token_ids, state.hypothesis.committed
        groups = self.recognizer.tokenizer.words(token_ids[done:], self.config.language)
        for group in groups[:-1]:
            if done + len(group) > len(token_ids) - self.config.unstable:
                break
            done += len(group)
        committed = self._words(state, state.hypothesis.committed, done)
        committed_end = committed[-1].end if committed else state.committed_end
        tentative = self._words(replace(state, committed_end=committed_end), done, len(token_ids))
        position = max(state.reported, state.start + state.frames * FRAME)
        hypothesis = replace(state.hypothesis, committed=done)
        state = replace(
            state, hypothesis=hypothesis, committed_end=committed_end, reported=position
        )
        return state, TranscriptUpdate(tuple(committed), tuple(tentative), position)

    def _words(self, state: CausalStreamState, first: int, last: int) -> list[RecognizedWord]:
        """Return tokens `first` to `last` as words that follow the last committed one."""
        tokenizer, tokens = self.recognizer.tokenizer, state.hypothesis.tokens
        words, ended, until = [], state.committed_end, state.start + state.frames * FRAME
        for group in tokenizer.words([part.token for part in tokens[first:last]]):
            place, first = first, first + len(group)
            span = _span(tokens, place, place + tokenizer.core_length(group) - 1)
            start = min(until, max(ended, state.start + span[0] * FRAME))
            ended = min(until, max(start, state.start + span[1] * FRAME))
            probability = float(
                np.exp([part.log_probability for part in tokens[place:first]]).mean()
            )
            words.append(RecognizedWord(tokenizer.decode(group), start, ended, probability))
        return words

    def _paused(self, state: CausalStreamState) -> bool:
        """Return whether the window is long enough to end at this pause."""
        quiet = (state.frames - state.last_change) * FRAME
        return state.frames * FRAME > self.config.window * RATE and quiet > self.config.pause * RATE

    def _next_window(
        self, state: CausalStreamState
    ) -> tuple[CausalStreamState, list[TranscriptUpdate], Samples]:
        """Begin a window at the pause, or else at the end of the last committed word, if late.

        The third value is the audio after that position, to feed to the new window.
        """
        hypothesis = state.hypothesis
        late = state.committed_end > state.start + self._max_window() // 2
        if late and not self._paused(state):
            words = list[RecognizedWord]()
            cut, tokens = state.committed_end, hypothesis.token_ids[: hypothesis.committed]
        else:
            words = self._words(state, hypothesis.committed, len(hypothesis.tokens))
            cut = state.start + max(0, state.frames * FRAME - RATE // 2)
            tokens = hypothesis.token_ids
        cut -= (cut - state.start) % FRAME
        again = state.samples[cut - state.start :]
        prompt = (*state.prompt, *tokens)[
            max(0, len(state.prompt) + len(tokens) - self.config.prompt) :
        ]
        fresh = self._new_window(cut, self._mel.init_state(state.mel.loudest), prompt)
        fresh = replace(fresh, reported=state.reported)
        return fresh, [TranscriptUpdate(tuple(words), (), state.reported)] if words else [], again


def _span(tokens: Sequence[DecodedToken], first: int, last: int) -> tuple[int, int]:
    """Return the frames where token `first` begins and token `last` ends.

    Each token has one most attended frame. The boundary to its neighbor lies halfway between
    their frames, but at most MAX_HALF_TOKEN away: the rest is a pause.
    """
    start, end = tokens[first].frame, tokens[last].frame
    before = tokens[first - 1].frame if first else start - 2 * MAX_HALF_TOKEN
    after = tokens[last + 1].frame if last + 1 < len(tokens) else end + 2 * MAX_HALF_TOKEN
    return start - _half_gap(start - before), end + _half_gap(after - end)


def _half_gap(frames: int) -> int:
    return min(MAX_HALF_TOKEN, max(0, frames) // 2)
