"""Cuts the speech of a turn into windows for the speaker encoder, as its sound comes: pure.

A window lies within one stretch of speech, because two people seldom speak without a pause between
them. A stretch longer than a window has several that overlap; the last one ends where it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.asr.speech_activity import FRAME, THRESHOLD, Samples

WINDOW = 50  # frames: 1.6 s, what the encoder was trained on
HOP = 13  # frames between windows: 0.42 s
MIN_WINDOW = 11  # frames: what is shorter than 0.35 s says nothing about a voice
MIN_PAUSE = 7  # frames of silence, 0.22 s, that end a stretch
MIN_TAIL = 4  # frames of a stretch behind its last window that get one more


@dataclass(frozen=True, slots=True, eq=False)
class VoiceChunk:
    """The next sound of a turn; `start` is the turn's first sample in the stream.

    `probabilities` are those of speech of the frames that are complete with it. With `last` the
    turn is over.
    """

    start: int
    samples: Samples
    probabilities: Sequence[float]
    last: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class VoiceWindow:
    """Sound of one voice, as far as can be told, from sample `start` of the stream."""

    start: int
    samples: Samples

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class StretchState:
    """The speech in progress: positions are frames of the turn that began at sample `turn`.

    `samples` are those from frame `first` on. A stretch began at `begin`, if there is one, has
    speech up to `voiced`, and its next window starts at `next`; `count` windows are complete.
    """

    turn: int = -1  # none yet
    first: int = 0
    position: int = 0
    samples: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    begin: int | None = None
    voiced: int = 0
    next: int = 0
    count: int = 0


def next_windows(state: StretchState, chunk: VoiceChunk) -> tuple[StretchState, list[VoiceWindow]]:
    """Return the windows that are complete with `chunk`."""
    if state.turn != chunk.start:
        state = StretchState(turn=chunk.start)  # a turn that was discarded has no last chunk
    state = replace(state, samples=np.concatenate([state.samples, chunk.samples]))
    windows: list[VoiceWindow] = []
    for probability in chunk.probabilities:
        state, complete = _next_frame(state, speech=probability >= THRESHOLD)
        windows += complete
    if chunk.last:
        windows += _last_window(state)
        return StretchState(), windows
    return _without_past(state), windows


def _next_frame(state: StretchState, *, speech: bool) -> tuple[StretchState, list[VoiceWindow]]:
    frame, end = state.position, state.position + 1
    state = replace(state, position=end)
    if speech:
        if state.begin is None:
            state = replace(state, begin=frame, next=frame, count=0)
        state = replace(state, voiced=end)
        if end - state.next < WINDOW:
            return state, []
        window = _window(state, state.next, state.next + WINDOW)
        return replace(state, next=state.next + HOP, count=state.count + 1), [window]
    if state.begin is None or end - state.voiced < MIN_PAUSE:
        return state, []
    return replace(state, begin=None), _last_window(state)


def _last_window(state: StretchState) -> list[VoiceWindow]:
    """Return the window of what the stretch has behind its other windows, if that is enough."""
    if state.begin is None:
        return []
    if state.count == 0:
        enough = state.voiced - state.begin >= MIN_WINDOW
        start = max(state.begin, state.voiced - WINDOW)
    else:
        covered = state.next - HOP + WINDOW
        enough = state.voiced - covered >= MIN_TAIL
        start = state.voiced - WINDOW
    return [_window(state, start, state.voiced)] if enough else []


def _window(state: StretchState, begin: int, end: int) -> VoiceWindow:
    first = (begin - state.first) * FRAME
    samples = state.samples[first : first + (end - begin) * FRAME]
    return VoiceWindow(state.turn + begin * FRAME, samples.copy())


def _without_past(state: StretchState) -> StretchState:
    """Return `state` without the sound that no window needs any more."""
    kept = state.position
    if state.begin is not None:
        kept = max(state.begin, state.voiced - WINDOW) if state.count else state.begin
        kept = min(kept, state.next)
    past = kept - state.first
    return replace(state, first=kept, samples=state.samples[past * FRAME :]) if past else state
