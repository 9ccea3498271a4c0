import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.speech_activity import FRAME, Samples
from models.speakers.windows import (
    HOP,
    MIN_PAUSE,
    MIN_TAIL,
    MIN_WINDOW,
    WINDOW,
    StretchState,
    VoiceChunk,
    VoiceWindow,
    next_windows,
)

START = 4800  # of the turn, in samples of the stream


def frames(count: int) -> Samples:
    """Return samples that say where they are."""
    return np.arange(count * FRAME, dtype=np.float32)


def cut(speech: list[bool], sizes: list[int]) -> list[VoiceWindow]:
    """Return the windows of a turn with sound in chunks of `sizes` samples, then the rest."""
    sound, state, found, done = frames(len(speech)), StretchState(), [], 0
    for size in [*sizes, len(sound)]:
        end = min(len(sound), done + size)
        probabilities = [float(each) for each in speech[done // FRAME : end // FRAME]]
        state, windows = next_windows(state, VoiceChunk(START, sound[done:end], probabilities))
        found += windows
        done = end
    _, windows = next_windows(state, VoiceChunk(START, sound[:0], (), last=True))
    return [*found, *windows]


def whole(speech: list[bool]) -> list[tuple[int, int]]:
    """Return first and last frame of the windows, from all frames at once: the plain reference."""
    stretches: list[tuple[int, int]] = []
    for number, spoken in enumerate(speech):
        if not spoken:
            continue
        if stretches and number - stretches[-1][1] < MIN_PAUSE:
            stretches[-1] = (stretches[-1][0], number + 1)
        else:
            stretches.append((number, number + 1))
    found = []
    for first, last in stretches:
        starts = list(range(first, last - WINDOW + 1, HOP))
        found += [(start, start + WINDOW) for start in starts]
        if not starts and last - first >= MIN_WINDOW:
            found.append((first, last))
        if starts and last - (starts[-1] + WINDOW) >= MIN_TAIL:
            found.append((last - WINDOW, last))
    return found


RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=8)


@given(runs=RUNS, sizes=st.lists(st.integers(0, 40_000), max_size=12))
@settings(max_examples=40)
def test_any_chunking_gives_the_windows_of_the_whole_turn(
    runs: list[tuple[bool, int]], sizes: list[int]
) -> None:
    speech = [spoken for spoken, count in runs for _ in range(count)]
    windows = cut(speech, sizes)
    expected = whole(speech)
    assert [((w.start - START) // FRAME, (w.end - START) // FRAME) for w in windows] == expected
    for window in windows:
        first = window.start - START
        assert np.array_equal(window.samples, frames(len(speech))[first : window.end - START])


def test_only_the_sound_that_a_window_may_need_is_kept() -> None:
    state = StretchState()
    for _ in range(200):
        state, _ = next_windows(state, VoiceChunk(0, frames(10), [1.0] * 10))
    assert len(state.samples) <= (WINDOW + HOP + 10) * FRAME
    state, _ = next_windows(state, VoiceChunk(0, frames(20), [0.0] * 20))
    assert len(state.samples) == 0
