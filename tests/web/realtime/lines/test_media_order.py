from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from web.realtime.lines.media_order import MediaOrder, onward

TRUTH = np.arange(100, dtype=np.float32)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40))))
def test_chunks_never_overlap_and_no_sample_moves(spans: list[tuple[int, int]]) -> None:
    state, taken = MediaOrder(), []
    for start, length in spans:
        chunk = AudioChunk(TRUTH[start : start + length], start, SAMPLE_RATE)
        state, item = onward(state, chunk)
        if item is not None:
            assert isinstance(item, AudioChunk)
            taken.append(item)
    assert all(a.end <= b.start for a, b in pairwise(taken))
    for item in taken:
        np.testing.assert_array_equal(item.samples, TRUTH[item.start : item.end])
    assert state.audio_end == max((start + length for start, length in spans), default=0)


def test_a_frame_that_is_not_newer_is_left_out() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    state, first = onward(MediaOrder(), VideoFrame(pixels, 90))
    state, again = onward(state, VideoFrame(pixels, 90))
    state, older = onward(state, VideoFrame(pixels, 80))
    state, newer = onward(state, VideoFrame(pixels, 91))
    assert first is not None
    assert newer is not None
    assert (again, older) == (None, None)
