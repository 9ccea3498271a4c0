from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.words import RATE
from models.speakers.clustering import NOBODY, Voice, Voices, add_voices, speakers_at
from tests.models.speakers.made_up_voices import LENGTH, SIZE, vector, voices

LIMIT = 8


def added(*groups: list[Voice], max_speakers: int = LIMIT, max_recent: int = 256) -> Voices:
    known = Voices()
    for group in groups:
        known = add_voices(known, group, max_speakers=max_speakers, max_recent=max_recent)
    return known


def labels(known: Voices) -> list[int]:
    return [voice.speaker for voice in known.recent]


def test_speakers_are_numbered_as_they_appear() -> None:
    known = added(voices([3, 3, 0, 0, 3, 5, 5]))
    assert labels(known) == [1, 1, 2, 2, 1, 3, 3]
    assert known.numbers == (1, 2, 3)


@given(
    said=st.lists(st.integers(0, 3), min_size=1, max_size=24),
    cuts=st.lists(st.integers(0, 24), max_size=6).map(sorted),
)
@settings(max_examples=30)
def test_windows_that_come_in_pieces_are_grouped_as_all_at_once(
    said: list[int], cuts: list[int]
) -> None:
    """The numbers may differ: a speaker gets one when enough of the voice was heard."""
    windows = voices(said)
    edges = [0, *[min(cut, len(windows)) for cut in cuts], len(windows)]
    streamed = labels(added(*[windows[a:b] for a, b in pairwise(edges)]))
    at_once = labels(added(windows))
    pairs = set(zip(streamed, at_once, strict=True))
    assert len(pairs) == len(set(streamed)) == len(set(at_once))


def test_one_window_is_no_speaker_yet_and_gets_the_number_when_there_is_more() -> None:
    first = added(voices([0, 0, 0]), voices([2], seed=1, first=3 * LENGTH))
    assert first.numbers == (1,)
    assert labels(first) == [1, 1, 1, NOBODY]
    later = add_voices(first, voices([2], seed=2, first=4 * LENGTH), max_speakers=LIMIT)
    assert labels(later) == [1, 1, 1, 2, 2], "the earlier window is corrected"


def test_older_windows_are_in_the_sum_of_their_speaker() -> None:
    said = [0, 0, 1, 1] * 20
    known = added(*[voices([who], seed=n, first=n * LENGTH) for n, who in enumerate(said)],
                  max_recent=8)  # fmt: skip
    assert len(known.recent) == 8
    assert {each.speaker for each in known.older} == {1, 2}
    assert sum(each.seconds for each in known.older) == pytest.approx(72 * 1.6)
    late = add_voices(known, voices([1], seed=99, first=80 * LENGTH), max_speakers=LIMIT)
    assert labels(late)[-1] == 2


def test_a_speaker_who_is_silent_for_long_keeps_the_number() -> None:
    known = added(voices([4, 4, 6, 6]), max_recent=4)
    for n in range(20):
        known = add_voices(
            known, voices([6], seed=n, first=(4 + n) * LENGTH), max_speakers=LIMIT, max_recent=4
        )
    back = add_voices(known, voices([4], seed=50, first=30 * LENGTH), max_speakers=LIMIT)
    assert labels(back)[-1] == 1


def test_no_more_speakers_than_allowed_are_told_apart() -> None:
    known = added(voices([0, 0, 0, 1, 1, 1, 2, 2]), max_speakers=2)
    assert known.numbers == (1, 2)
    assert labels(known)[:6] == [1, 1, 1, 2, 2, 2]


def test_a_position_is_of_the_windows_that_cover_it() -> None:
    known = added(voices([0, 0, 1, 1]))
    places = [LENGTH // 2, 2 * LENGTH - 800, 2 * LENGTH + 800, 4 * LENGTH - 10]
    assert speakers_at(known, places) == [1, 1, 2, 2]
    assert speakers_at(known, [4 * LENGTH + RATE // 4]) == [2], "near the last window"
    assert speakers_at(known, [4 * LENGTH + RATE]) == [NOBODY]
    assert speakers_at(Voices(), [0, 5]) == [NOBODY, NOBODY]


def test_nothing_new_changes_nothing() -> None:
    known = added(voices([0, 0]))
    assert add_voices(known, [], max_speakers=LIMIT) is known


def test_groups_need_not_begin_with_speakers_of_equal_shares() -> None:
    rng = np.random.default_rng(3)
    one = [Voice(n * LENGTH, (n + 1) * LENGTH, vector(1, rng)) for n in range(40)]
    other = [Voice((40 + n) * LENGTH, (41 + n) * LENGTH, vector(SIZE - 1, rng)) for n in range(2)]
    assert labels(added(one, other)) == [1] * 40 + [2] * 2
