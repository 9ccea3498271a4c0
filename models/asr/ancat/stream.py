"""Streaming captions from an adaptive transducer: letters as their frames come, words as they end.

A frame is read once and what was written at it stands, so text never flickers where the search
is greedy; of a beam, the words that its drafts agree about are committed. A word has ended when
the next one begins, or when nothing followed it for a while; before that it is not told.

The encoder has places for 30 s. A stream is cut into windows: at a pause, or where there is none
at the end of the window; what was written goes on over the cut, because the predictor keeps its
memory.

Source: ANCAT, Strimel et al. 2023.
"""

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch

from models.asr.ancat.encoder import AncatEncoder, AncatState
from models.asr.ancat.encoder import Heard as Frame
from models.asr.ancat.letters import SPACE, decode
from models.asr.ancat.network import FRAME, Ancat
from models.asr.ancat.search import Search, SearchState, Spelling
from models.asr.streaming.running_mel import RunningMel, RunningMelState
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class AncatStreamConfig:
    """How to stream; times are in seconds.

    `hop` frames of 40 ms are read together: one at a time costs half as much again, because
    all weights are read for each pass.
    A word is complete when nothing was written for `settle`. A window ends after `rotate` where
    nothing was written for `pause`, and at the end of the model's positions anyway.
    """

    hop: int = 2
    beam: int = 1
    settle: float = 0.6
    rotate: float = 15.0
    pause: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class AncatStreamState:
    """What a stream remembers; places are samples since the stream began.

    `rest` is sound that fills no frame yet, and `place` where the encoder stands. The window
    began at `start`, and the search's frames count since `origin`; it holds what is not committed
    yet. `wrote` is the frame at which the text last changed, and `ends` where the last committed
    word ended.
    """

    rest: Samples
    place: int
    start: int
    origin: int
    mel: RunningMelState
    encoder: AncatState
    search: SearchState
    wrote: int = 0
    ends: int = 0


class AncatStream:
    """A streaming recogniser: sound in; a `Heard` whenever the text changed."""

    def __init__(
        self,
        model: Ancat,
        config: AncatStreamConfig | None = None,
        spelling: Spelling | None = None,
    ) -> None:
        """Stream `model`; `spelling` chooses between the drafts of a beam.

        Raises:
            ValueError: it looks at whole clips, or `config` has a window longer than its own.
        """
        self.config = config or AncatStreamConfig()
        self._encoder = AncatEncoder(model)
        self._mel = RunningMel(model.front.config.mels)
        self._search = Search(model.transducer, beam=self.config.beam, spelling=spelling)
        self._limit = model.limit * FRAME
        self._hop = self.config.hop * FRAME
        if self.config.hop < 1:
            raise ValueError(f"at least 1 frame is read at once, not {self.config.hop}")
        if self.config.rotate * RATE > self._limit:
            raise ValueError(f"a window has at most {self._limit / RATE:.1f} s")

    def init_state(self, start: int = 0) -> AncatStreamState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return AncatStreamState(
            rest=np.zeros(0, np.float32),
            place=start,
            start=start,
            origin=start,
            mel=self._mel.init_state(),
            encoder=self._encoder.init_state(),
            search=self._search.init_state(),
            ends=start,
        )

    @torch.inference_mode()
    def step(
        self, state: AncatStreamState, samples: Samples, *, skip_interim: bool = False
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz.

        With `hurry` only the last uncommitted words are told, not those in between: reading
        costs the same, every frame is read once anyway.
        """
        rest = np.concatenate([state.rest, samples], dtype=np.float32)
        heard: list[TranscriptUpdate] = []
        # Whole hops, whatever the caller's pieces: so pieces change nothing, in no bit.
        for begin in range(0, len(rest) - self._hop + 1, self._hop):
            state, news = self._hear(state, rest[begin : begin + self._hop])
            heard += news
        kept = len(rest) % self._hop
        state = replace(state, rest=rest[len(rest) - kept :])
        return state, _merged(heard) if skip_interim else heard

    @torch.inference_mode()
    def flush(self, state: AncatStreamState, last: Samples | None = None) -> list[TranscriptUpdate]:
        """Read what waited for more sound, and commit everything; `last` belongs to it."""
        heard: list[TranscriptUpdate] = []
        if last is not None:
            state, heard = self.step(state, last)
        mel, frames = self._mel.step(state.mel, state.rest)
        state = replace(state, mel=mel, place=state.place + len(state.rest))
        state, news = self._end_window(state, frames)
        heard += news
        words = self._words(state, len(state.search.best.units))
        return [*heard, TranscriptUpdate(tuple(words), (), state.place)]

    def _hear(
        self, state: AncatStreamState, samples: Samples
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Hear one hop of sound."""
        mel, columns = self._mel.step(state.mel, samples)
        state = replace(state, mel=mel, place=state.place + self._hop)
        heard: list[TranscriptUpdate] = []
        if columns:
            encoder, frames = self._encoder.step(state.encoder, torch.stack(columns, 1))
            state, heard = self._read(replace(state, encoder=encoder), frames)
        window = state.place - state.start
        quiet = (state.search.frames - state.wrote) * FRAME
        if window > self._limit - self._hop or (
            window >= self.config.rotate * RATE and quiet >= self.config.pause * RATE
        ):
            state, more = self._rotate(state)
            heard += more
        return state, heard

    def _rotate(self, state: AncatStreamState) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """End the window here, and begin another with what was written."""
        state, heard = self._end_window(state, [])
        return (
            replace(
                state,
                start=state.place,
                mel=self._mel.init_state(state.mel.loudest),
                encoder=self._encoder.init_state(),
            ),
            heard,
        )

    def _end_window(
        self, state: AncatStreamState, columns: list[torch.Tensor]
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Read the frames that waited for more sound."""
        columns = columns + self._mel.flush(state.mel)
        frames: list[Frame] = []
        encoder = state.encoder
        if columns:
            encoder, frames = self._encoder.step(encoder, torch.stack(columns, 1))
        frames += self._encoder.flush(encoder)
        return self._read(state, frames)

    def _read(
        self, state: AncatStreamState, frames: list[Frame]
    ) -> tuple[AncatStreamState, list[TranscriptUpdate]]:
        """Write at `frames`, and tell what changed."""
        heard: list[TranscriptUpdate] = []
        # Frames that one moment completed are told of together: the last of them counts.
        for _, group in groupby(frames, lambda frame: frame.arrival):
            before, told = state.search.best.units, self._ended(state)
            search = state.search
            for frame in group:
                search = self._search.step(search, frame.hidden)
            state = replace(state, search=search)
            if search.best.units != before:
                state = replace(state, wrote=search.frames)
            ended = self._ended(state)
            news = search.best.units[:ended] != before[:told]
            state, committed = self._commit(state)
            if news or committed:
                tail = self._words(state, self._ended(state))
                heard.append(TranscriptUpdate(tuple(committed), tuple(tail), state.place))
        return state, heard

    def _ended(self, state: AncatStreamState) -> int:
        """Return how many units of the best draft are words that ended."""
        units = state.search.best.units
        return len(units) if self._quiet(state) else _last_space(units)

    def _quiet(self, state: AncatStreamState) -> bool:
        """Tell whether nothing was written for so long that the last word is over."""
        return (state.search.frames - state.wrote) * FRAME >= self.config.settle * RATE

    def _commit(self, state: AncatStreamState) -> tuple[AncatStreamState, list[RecognizedWord]]:
        """Commit the words that ended, and that all drafts have."""
        draft, agreed = state.search.best, state.search.agreed
        if self._quiet(state) and agreed == len(draft.units):
            done = agreed
        else:
            done = _last_space(draft.units[:agreed])
        words = self._words(state, done)
        ends = words[-1].end if words else state.ends
        return replace(state, search=state.search.without(done), ends=ends), words

    def _words(self, state: AncatStreamState, count: int) -> list[RecognizedWord]:
        """Return the first `count` units as words, in order, after the last committed one.

        A letter stands at the frame where it was written, which is somewhat after it was said.
        """
        words: list[RecognizedWord] = []
        ended, draft = state.ends, state.search.best
        for begin, end in _runs(draft.units[:count]):
            start = max(ended, state.origin + draft.frames[begin] * FRAME)
            ended = max(start, state.origin + (draft.frames[end - 1] + 1) * FRAME)
            chance = float(np.exp(draft.chances[begin:end]).mean())
            words.append(RecognizedWord(" " + decode(draft.units[begin:end]), start, ended, chance))
        return words


def _last_space(units: tuple[int, ...]) -> int:
    """Return the place of the last space in `units`, 0 where there is none."""
    return max((place for place, unit in enumerate(units) if unit == SPACE), default=0)


def _runs(units: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return where each run of letters between spaces begins and ends."""
    found: list[tuple[int, int]] = []
    begin = 0
    for place in range(len(units) + 1):
        if place == len(units) or units[place] == SPACE:
            if place > begin:
                found.append((begin, place))
            begin = place + 1
    return found


def _merged(heard: list[TranscriptUpdate]) -> list[TranscriptUpdate]:
    """Return one `Heard` that says what all of them said."""
    if len(heard) < 2:
        return heard
    committed = tuple(word for one in heard for word in one.committed)
    return [TranscriptUpdate(committed, heard[-1].tentative, heard[-1].position)]
