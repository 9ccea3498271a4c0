from hypothesis import given
from hypothesis import strategies as st

from models.asr.offline.windows import MARGIN, MIN_CUT_PAUSE, Window, next_window
from models.asr.speech_activity import Region, clipped, total
from models.asr.words import RATE

# Lengths of speech and of the pauses after it, in samples.
layouts = st.lists(
    st.tuples(st.integers(RATE // 10, 8 * RATE), st.integers(RATE // 10, 6 * RATE)),
    min_size=1,
    max_size=12,
)


def placed(layout: list[tuple[int, int]]) -> tuple[list[Region], int]:
    regions, place = [], RATE // 3
    for speech, pause in layout:
        regions.append((place, place + speech))
        place += speech + pause
    return regions, place


def windows(speech: list[Region], end: int, max_window: int) -> list[Window]:
    found, position = [], 0
    while clipped(speech, position, end):
        found.append(next_window(speech, position, end, max_window=max_window))
        assert found[-1].end > position
        position = found[-1].end
    return found


@given(layout=layouts, max_window=st.integers(2 * RATE, 10 * RATE))
def test_each_sample_of_speech_is_in_one_window_and_none_is_too_long(
    layout: list[tuple[int, int]], max_window: int
) -> None:
    speech, end = placed(layout)
    found = windows(speech, end, max_window)
    assert all(window.length <= max_window for window in found)
    assert sum(total(window.speech) for window in found) == total(speech)
    for window in found:
        held = sum(total(clipped(window.speech, *span)) for span in window.spans)
        assert held == total(window.speech)


@given(layout=layouts, max_window=st.integers(2 * RATE, 10 * RATE))
def test_speech_is_broken_only_where_it_has_no_pause(
    layout: list[tuple[int, int]], max_window: int
) -> None:
    speech, end = placed(layout)
    for window in windows(speech, end, max_window):
        inside = [region for region in speech if region[0] < window.end < region[1]]
        assert bool(inside) == window.broken
        if window.broken:
            pauses = [
                b - a for (_, a), (b, _) in zip(window.speech, window.speech[1:], strict=False)
            ]
            assert max(pauses, default=0) < MIN_CUT_PAUSE


@given(layout=layouts)
def test_places_in_a_window_are_those_of_the_recording(layout: list[tuple[int, int]]) -> None:
    speech, end = placed(layout)
    window = next_window(speech, 0, end, max_window=60 * RATE)
    assert window.length <= total(speech) + 2 * MARGIN * len(speech)
    for first, last in window.speech:
        assert window.in_recording(window.in_window(first)) == first
        assert window.in_recording(window.in_window(last), end=True) == last
        assert window.in_window(last) - window.in_window(first) == last - first


def test_the_longest_pause_of_the_second_half_is_chosen() -> None:
    speech = [(0, 3 * RATE), (4 * RATE, 8 * RATE), (8 * RATE + 8000, 12 * RATE)]
    window = next_window(speech, 0, 13 * RATE, max_window=10 * RATE)
    assert window.speech == tuple(speech[:2])
    assert window.end == 8 * RATE + 4000
