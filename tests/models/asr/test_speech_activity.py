import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.speech_activity import (
    FRAME,
    MIN_SPEECH,
    clipped,
    detect_speech,
    speech_regions,
    total,
    widened,
)
from models.asr.vad import SileroVad
from models.asr.words import RATE
from tests.models.asr.conftest import Clip

probabilities = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.9]), max_size=60)


@given(values=probabilities)
def test_regions_are_in_order_apart_and_hold_every_long_speech(values: list[float]) -> None:
    regions = speech_regions(values)
    edges = [edge for region in regions for edge in region]
    assert edges == sorted(edges)
    assert all(b > a for (_, a), (b, _) in itertools.pairwise(regions))
    for number in range(len(values) - MIN_SPEECH + 1):
        if min(values[number : number + MIN_SPEECH]) > 0.2:
            place = number * FRAME
            assert any(
                first <= place and place + MIN_SPEECH * FRAME <= last for first, last in regions
            )


def test_a_click_is_no_speech_and_a_plosive_no_pause() -> None:
    assert speech_regions([0.0, 0.9, 0.0]) == []
    assert speech_regions([0.9, 0.9, 0.0, 0.0, 0.9]) == [(0, 5 * FRAME)]


@given(values=probabilities, by=st.integers(0, 3 * FRAME), cut=st.integers(0, 60 * FRAME))
def test_wider_regions_hold_the_narrow_ones_and_parts_add_up(
    values: list[float], by: int, cut: int
) -> None:
    regions, length = speech_regions(values), len(values) * FRAME
    wide = widened(regions, by, length)
    assert total(wide) >= total(regions)
    assert all(any(a <= first and last <= b for a, b in wide) for first, last in regions)
    assert total(clipped(regions, 0, cut)) + total(clipped(regions, cut, length)) == total(regions)


def test_a_real_clip_has_its_speech_where_it_is_loud(detector: SileroVad, concord: Clip) -> None:
    quiet = np.zeros(RATE, np.float32)
    regions = detect_speech(detector, np.concatenate([quiet, concord.samples, quiet]))
    assert regions[0][0] / RATE == pytest.approx(1.5, abs=0.15)
    assert regions[-1][1] / RATE == pytest.approx(4.5, abs=0.15)  # the clip ends in speech
    assert detect_speech(detector, quiet) == []
    assert detect_speech(detector, np.zeros(0, np.float32)) == []
