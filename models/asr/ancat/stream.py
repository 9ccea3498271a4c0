"""Streaming captions from ANCAT: letters as their frames arrive, words once they are complete.

Each frame is decoded once. With greedy search nothing changes afterwards; with a beam, the words
that all hypotheses share are committed. A word is complete when the next one begins, or when no
letter followed for a while; only complete words are reported.

The encoder has positions for 30 s, so a stream is cut into windows, at a pause if there is one.
The predictor's state is kept over the cut.

Source: ANCAT, Strimel et al. 2023.
"""

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch

from models.asr.ancat.encoder import AncatEncoder, AncatEncoderState, EncodedFrame
from models.asr.ancat.letters import SPACE, to_text
from models.asr.ancat.network import FRAME
from models.asr.ancat.search import ShallowFusion, TransducerSearch, TransducerSearchState
from models.asr.ancat.transducer_networks import TransducerEngines
from models.asr.streaming.running_mel import RunningMel, RunningMelState
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class AncatStreamConfig:
    """How to stream; times are in seconds.

    `hop` frames of 40 ms are processed together: one at a time costs half as much again, because
    each pass reads all weights. A word is complete if no letter followed for `settle`. A window
    ends after `window` at a pause of `pause` without a letter, or when the model has no positions
    left.
    """

    hop: int = 2
    beam: int = 1
    settle: float = 0.6
    window: float = 15.0
    pause: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class AncatStreamState:
    """The state of a stream; positions are samples since the stream began.

    `unread` is audio that fills no hop yet, and `position` the end of the audio processed so far.
    The window began at `start`; the frames of `search`, which holds the text not committed yet,
    count from `origin`. `last_change` is the frame at which the text last changed, and
    `committed_end` the end of the last committed word.
    """

    unread: Samples
    position: int
    start: int
    origin: int
    mel: RunningMelState
    encoder: AncatEncoderState
    search: TransducerSearchState
    last_change: int = 0
    committed_end: int = 0

    def copy(self) -> "AncatStreamState":
        """Return a state of its own: `step` and `flush` write into the encoder's caches."""
        return replace(self, encoder=self.encoder.copy())


class AncatStream:
    """A streaming recognizer: a `TranscriptUpdate` whenever the text changed."""

    def __init__(
        self,
        encoder: AncatEncoder,
        transducer: TransducerEngines,
        config: AncatStreamConfig | None = None,
        fusion: ShallowFusion | None = None,
    ) -> None:
        """Stream a model's `encoder` and `transducer`; `fusion` needs a beam.

        Raises:
            ValueError: a window is longer than the model's positions.
        """
        self.config = config or AncatStreamConfig()
        self._encoder = encoder
        self._mel = RunningMel(encoder.mels)
        self._search = TransducerSearch(transducer, beam=self.config.beam, fusion=fusion)
        self._max_window = encoder.max_frames * FRAME
        self._hop = self.config.hop * FRAME
        if self.config.hop < 1:
            raise ValueError(f"expected a hop of at least 1 frame, not {self.config.hop}")
        if self.config.window * RATE > self._max_window:
            raise ValueError(f"a window has at most {self._max_window / RATE:.1f} s")

    def init_state(self, start: int = 0) -> AncatStreamState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return AncatStreamState(
            unread=np.zeros(0, np.float32),
            position=start,
            start=start,
            origin=start,
            mel=self._mel.init_state(),
            encoder=self._encoder.init_state(),
            search=self._search.init_state(),
            committed_end=start,
        )

    def step(
        self, state: AncatStreamState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz.

        With `skip_interim` all updates are merged into one. It costs the same: every frame is
        decoded once anyway.
        """
        unread = np.concatenate([state.unread, samples], dtype=np.float32)
        updates: list[TranscriptUpdate] = []
        # Whole hops, so that the sizes of the caller's chunks change nothing, bit for bit.
        for begin in range(0, len(unread) - self._hop + 1, self._hop):
            state, new = self._step_hop(state, unread[begin : begin + self._hop])
            updates += new
        kept = len(unread) % self._hop
        state = replace(state, unread=unread[len(unread) - kept :])
        return state, _merged(updates) if skip_interim else updates

    def flush(self, state: AncatStreamState, last: Samples | None = None) -> list[TranscriptUpdate]:
        """Transcribe the rest of the audio and commit all words; `last` is appended to it."""
        updates: list[TranscriptUpdate] = []
        if last is not None:
            state, updates = self.step(state, last)
        mel, columns = self._mel.step(state.mel, state.unread)
        state = replace(state, mel=mel, position=state.position + len(state.unread))
        state, new = self._end_window(state, columns)
        words = self._words(state, len(state.search.best.units))
        return [*updates, *new, TranscriptUpdate(tuple(words), (), state.position)]

    def _step_hop(
        self, state: AncatStreamState, samples: Samples
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        mel, columns = self._mel.step(state.mel, samples)
        state = replace(state, mel=mel, position=state.position + self._hop)
        updates: list[TranscriptUpdate] = []
        if columns:
            encoder, frames = self._encoder.step(state.encoder, torch.stack(columns, 1))
            state, updates = self._decode(replace(state, encoder=encoder), frames)
        window = state.position - state.start
        if window > self._max_window - self._hop or (
            window >= self.config.window * RATE and self._silent_for(state, self.config.pause)
        ):
            state, new = self._next_window(state)
            updates += new
        return state, updates

    def _next_window(
        self, state: AncatStreamState
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """End the window and begin the next; the search continues."""
        state, updates = self._end_window(state, [])
        state = replace(
            state,
            start=state.position,
            mel=self._mel.init_state(state.mel.loudest),
            encoder=self._encoder.init_state(),
        )
        return state, updates

    def _end_window(
        self, state: AncatStreamState, columns: list[torch.Tensor]
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Decode the frames that still wait for later audio."""
        columns = columns + self._mel.flush(state.mel)
        frames: list[EncodedFrame] = []
        encoder = state.encoder
        if columns:
            encoder, frames = self._encoder.step(encoder, torch.stack(columns, 1))
        frames += self._encoder.flush(encoder)
        return self._decode(state, frames)

    def _decode(
        self, state: AncatStreamState, frames: list[EncodedFrame]
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Decode `frames`; return an update for each time that the complete words changed."""
        updates: list[TranscriptUpdate] = []
        # Frames that arrive together give one update.
        for _, group in groupby(frames, lambda frame: frame.arrival):
            before = state.search.best.units
            reported = before[: self._complete_units(state)]
            search = state.search
            for frame in group:
                search = self._search.step(search, frame.hidden)
            state = replace(state, search=search)
            if search.best.units != before:
                state = replace(state, last_change=search.frames)
            changed = search.best.units[: self._complete_units(state)] != reported
            state, committed = self._commit(state)
            if changed or committed:
                tail = self._words(state, self._complete_units(state))
                updates.append(TranscriptUpdate(tuple(committed), tuple(tail), state.position))
        return state, updates

    def _silent_for(self, state: AncatStreamState, seconds: float) -> bool:
        """Return whether the text has not changed for so long."""
        return (state.search.frames - state.last_change) * FRAME >= seconds * RATE

    def _complete_units(self, state: AncatStreamState, shared: int | None = None) -> int:
        """Return how many of the best hypothesis's first `shared` units form complete words.

        The default is all units.
        """
        units = state.search.best.units
        if shared in (None, len(units)) and self._silent_for(state, self.config.settle):
            return len(units)
        spaces = (index for index, unit in enumerate(units[:shared]) if unit == SPACE)
        return max(spaces, default=0)

    def _commit(self, state: AncatStreamState) -> tuple[AncatStreamState, list[RecognizedWord]]:
        """Commit the complete words that all hypotheses share."""
        count = self._complete_units(state, state.search.common_prefix)
        words = self._words(state, count)
        end = words[-1].end if words else state.committed_end
        return replace(state, search=state.search.drop_prefix(count), committed_end=end), words

    def _words(self, state: AncatStreamState, count: int) -> list[RecognizedWord]:
        """Return the first `count` units as words that follow the last committed one.

        A letter is placed at the frame that emitted it, somewhat after it was spoken.
        """
        words: list[RecognizedWord] = []
        end, best = state.committed_end, state.search.best
        for first, last in _word_ranges(best.units[:count]):
            start = max(end, state.origin + best.frames[first] * FRAME)
            end = max(start, state.origin + (best.frames[last - 1] + 1) * FRAME)
            probability = float(np.exp(best.log_probs[first:last]).mean())
            text = " " + to_text(best.units[first:last])
            words.append(RecognizedWord(text, start, end, probability))
        return words


def _word_ranges(units: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the ranges of units between spaces."""
    found: list[tuple[int, int]] = []
    first = 0
    for index in range(len(units) + 1):
        if index == len(units) or units[index] == SPACE:
            if index > first:
                found.append((first, index))
            first = index + 1
    return found


def _merged(updates: list[TranscriptUpdate]) -> list[TranscriptUpdate]:
    """Return one update in place of several."""
    if len(updates) < 2:
        return updates
    committed = tuple(word for one in updates for word in one.committed)
    return [TranscriptUpdate(committed, updates[-1].tentative, updates[-1].position)]
