import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_stage import VAD_FRAME
from web.rest.chunking import cut, quietest, spoken


@given(
    lengths=st.lists(st.integers(0, 5000), max_size=12),
    piece=st.integers(2000, 6000),
    searched=st.integers(1, 2000),
)
def test_pieces_hold_all_the_sound_in_order_and_none_is_too_long(
    lengths: list[int], piece: int, searched: int
) -> None:
    rng = np.random.default_rng(0)
    chunks = [rng.standard_normal(length).astype(np.float32) for length in lengths]
    pieces = list(cut(iter(chunks), piece=piece, searched=searched))
    whole = np.concatenate([np.zeros(0, np.float32), *chunks])
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.float32), *pieces]), whole)
    assert all(0 < len(each) <= piece for each in pieces)


def test_a_long_file_is_cut_where_nobody_speaks() -> None:
    sound = np.ones(3 * SAMPLE_RATE, np.float32)
    sound[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + 3200] = 0.001
    assert 2 * SAMPLE_RATE <= quietest(sound) <= 2 * SAMPLE_RATE + 3200


def test_only_what_is_spoken_is_heard_with_the_silence_around_it() -> None:
    frames = 30 * SAMPLE_RATE // VAD_FRAME
    probabilities = [0.0] * frames
    for second in (10, 12, 25):  # the first two are one stretch, with the pause between them
        probabilities[second * SAMPLE_RATE // VAD_FRAME] = 0.9
    early, late = spoken(probabilities, 30 * SAMPLE_RATE)
    assert early[0] / SAMPLE_RATE == pytest.approx(9.0, abs=0.05)
    assert early[1] / SAMPLE_RATE == pytest.approx(13.0, abs=0.05)
    assert late[0] / SAMPLE_RATE == pytest.approx(24.0, abs=0.05)
    assert spoken([0.0] * frames, 30 * SAMPLE_RATE) == []
    assert spoken([0.9] * frames, 30 * SAMPLE_RATE) == [(0, 30 * SAMPLE_RATE)]
