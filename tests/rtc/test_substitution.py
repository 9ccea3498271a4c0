"""Substitutes beside a slow reference: who looks at the stream finds a frame at any time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frames import VIDEO_CLOCK_HZ
from rtc.substitution import GRACE, LATE, MAX_AGE, Substitution

PERIOD = 0.25
TICK = 0.01  # seconds


def ticks(seconds: float) -> int:
    return round(seconds * VIDEO_CLOCK_HZ)


def watch(captures: list[float], delays: list[float], end: float) -> list[tuple[float, int, int]]:
    """Return what a session gets: when, for which moment, and captured when."""
    state, got, newest = Substitution(PERIOD), list[tuple[float, int, int]](), 0
    coming = [(c + d, c) for c, d in zip(captures, delays, strict=True)]
    for step in range(round(end / TICK)):
        now = step * TICK
        while coming and coming[0][0] <= now:
            newest = ticks(coming.pop(0)[1])
            state, _ = state.after(newest, follows=True)
            got.append((now, newest, newest))
        while (due := state.due()) is not None and due <= now:
            state = state.substituted()
            got.append((now, state.shown, newest))
    return got


@given(
    rate=st.sampled_from([5, 15, 30]),
    late=st.lists(st.floats(0, 1.5), min_size=40, max_size=40),
)
def test_no_moment_waits_for_a_frame_that_is_late(rate: int, late: list[float]) -> None:
    """Frames keep their order, as the buffer releases them, so one that is late delays others."""
    captures = [number / rate for number in range(40)]
    arrivals = [0.0]
    for capture, delay in zip(captures, [0.0, 0.0, 0.0, *late[3:]], strict=True):
        arrivals.append(max(arrivals[-1], capture + delay))
    delays = [a - c for a, c in zip(arrivals[1:], captures, strict=True)]
    got = watch(captures, delays, end=40 / rate)
    moments = [moment for _, moment, captured in got if moment != captured]
    assert moments == sorted(set(moments))  # no moment is stood in for twice
    assert all(captured <= moment for _, moment, captured in got)
    seen = [captured for _, _, captured in got]
    assert seen == sorted(seen)  # a substitute is never older than what came before
    longest = max(PERIOD, LATE / rate) + GRACE + 2 * TICK
    times = [time for time, _, _ in got]
    assert all(after - before <= longest for before, after in pairwise(times))


def test_a_frame_that_is_late_is_stood_in_for_at_each_moment() -> None:
    captures = [*(number / 30 for number in range(10)), 1.0]
    got = watch(captures, [0.0] * 10 + [0.2], end=1.3)
    stood_in = [(place, captured) for _, place, captured in got if place != captured]
    last = ticks(9 / 30)
    places = [last + number * ticks(PERIOD) for number in (1, 2, 3)]
    assert [place for place, _ in stood_in] == places
    assert all(captured == last for _, captured in stood_in)
    assert got[-1][1:] == (ticks(1.0), ticks(1.0))


def test_frames_that_come_in_time_need_no_substitutes() -> None:
    for rate in (1, 5, 30, 60):
        captures = [number / rate for number in range(4 * rate)]
        got = watch(captures, [0.0] * len(captures), end=4.0)
        assert [place for _, place, _ in got] == [ticks(each) for each in captures]


def test_an_old_picture_stands_in_for_nothing() -> None:
    captures = [number / 30 for number in range(10)]
    got = watch(captures, [0.0] * 10, end=10.0)
    assert got[-1][0] <= captures[-1] + MAX_AGE + TICK


def test_what_was_lost_is_a_gap_and_what_was_only_late_is_none() -> None:
    state = Substitution(PERIOD)
    for number in range(4):
        state, gap = state.after(3000 * number, follows=True)
        assert gap is None
    _, gap = state.after(3000 * 30, follows=True)  # the camera made none meanwhile
    assert gap is None
    _, gap = state.after(3000 * 4, follows=False)  # in its place: what was lost left no hole
    assert gap is None
    _, gap = state.after(3000 * 30, follows=False)
    assert gap is not None
    assert (gap.media, gap.concealed) == ("video", False)
    assert gap.start == pytest.approx(4 / 30)
    assert gap.end == pytest.approx(1.0)
    _, gap = state.substituted().after(3000 * 30, follows=False)
    assert gap is not None
    assert gap.concealed
