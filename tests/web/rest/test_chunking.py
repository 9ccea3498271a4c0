import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_stage import VAD_FRAME
from web.rest.chunking import quietest_sample, speech_regions, split_audio


@given(
    lengths=st.lists(st.integers(0, 5000), max_size=12),
    max_piece=st.integers(2000, 6000),
    search=st.integers(1, 2000),
)
def test_pieces_contain_all_audio_in_order_and_none_is_too_long(
    lengths: list[int], max_piece: int, search: int
) -> None:
    rng = np.random.default_rng(0)
    chunks = [rng.standard_normal(length).astype(np.float32) for length in lengths]
    pieces = list(split_audio(iter(chunks), max_piece=max_piece, search=search))
    whole = np.concatenate([np.zeros(0, np.float32), *chunks])
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.float32), *pieces]), whole)
    assert all(0 < len(each) <= max_piece for each in pieces)


def test_a_long_file_is_split_in_silence() -> None:
    sound = np.ones(3 * SAMPLE_RATE, np.float32)
    sound[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + 3200] = 0.001
    assert 2 * SAMPLE_RATE <= quietest_sample(sound) <= 2 * SAMPLE_RATE + 3200


def test_speech_regions_have_a_margin_and_join_over_short_gaps() -> None:
    frames = 30 * SAMPLE_RATE // VAD_FRAME
    probabilities = [0.0] * frames
    for second in (10, 12, 25):  # the first two are one region, with the gap between them
        probabilities[second * SAMPLE_RATE // VAD_FRAME] = 0.9
    early, late = speech_regions(probabilities, 30 * SAMPLE_RATE)
    assert early[0] / SAMPLE_RATE == pytest.approx(9.0, abs=0.05)
    assert early[1] / SAMPLE_RATE == pytest.approx(13.0, abs=0.05)
    assert late[0] / SAMPLE_RATE == pytest.approx(24.0, abs=0.05)
    assert speech_regions([0.0] * frames, 30 * SAMPLE_RATE) == []
    assert speech_regions([0.9] * frames, 30 * SAMPLE_RATE) == [(0, 30 * SAMPLE_RATE)]
