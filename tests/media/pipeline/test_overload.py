from itertools import pairwise

import pytest

from media.servers.urgency import PATIENCE
from tests.media.pipeline.busy_service import RUN, Talk, Upload, run

pytestmark = pytest.mark.slow
SECONDS = 40.0
MAX_LAG = 3.0  # seconds: of a caption, whatever comes


def lag(talks: list[Talk]) -> float:
    return max(max(talk.lags) for talk in talks)


def longest_silence(talk: Talk) -> float:
    """Return the longest time between two interim captions of speech without a pause."""
    return max(later - earlier for earlier, later in pairwise(talk.captions))


async def test_a_machine_that_keeps_up_leaves_nothing_out() -> None:
    (call,) = await run(SECONDS, speakers=0, calls=1, drawing=True)
    counters = call.counters
    assert (counters.skipped_looks, counters.skipped_captions) == (0, 0)
    assert counters.looks == pytest.approx(2 * SECONDS, abs=2)
    assert counters.drawn / SECONDS > 12
    assert max(call.first_words) < 1.1
    assert lag([call]) < 1.0
    assert call.late < 1.0


async def test_looks_and_frame_rate_are_left_out_before_interim_captions() -> None:
    call, *speakers = await run(SECONDS, speakers=2, calls=1, drawing=True)
    assert call.counters.skipped_looks > 5
    assert 1 < call.counters.drawn / SECONDS < 10
    assert call.status is not None
    assert call.status.degraded
    for talk in (call, *speakers):
        assert talk.counters.skipped_captions == 0
        assert longest_silence(talk) < 2.0
    assert max(call.first_words) < 2.0
    assert lag([call, *speakers]) < 1.5


async def test_captions_are_never_three_seconds_late_and_answers_come() -> None:
    call, *speakers = await run(SECONDS, speakers=6, calls=1, drawing=True)
    assert lag([call, *speakers]) < MAX_LAG
    assert all(talk.counters.skipped_captions > 0 for talk in (call, *speakers))
    assert 3.0 < max(talk.unwritten for talk in (call, *speakers)) < 4.5, "and it is told"
    assert all(longest_silence(talk) < 4.0 for talk in speakers), "all get their turn"
    assert len(call.first_words) == SECONDS // 10
    assert max(call.first_words) < MAX_LAG
    assert call.counters.looks > 0
    assert call.late > 3.0, "clients are told that the analysis of video is late"
    assert not any(talk.counters.unheard for talk in (call, *speakers))


@pytest.mark.parametrize("slots", [1, 2])
async def test_speech_waits_for_one_piece_of_an_upload_at_most(slots: int) -> None:
    upload = Upload()
    await run(15.0, speakers=slots, calls=0, drawing=False, slots=slots, uploads=[upload])
    assert 0.0 < max(upload.others_waited) < RUN + 0.01
    assert len(upload.pieces) * RUN > 5.0, "it takes the time that speech leaves"


async def test_an_upload_goes_on_in_time_that_looks_and_pictures_would_take() -> None:
    upload = Upload()
    call = await run(15.0, speakers=0, calls=1, drawing=True, slots=1, uploads=[upload])
    assert lag(call) < MAX_LAG
    assert max(b - a for a, b in pairwise([0.0, *upload.pieces])) < 2 * PATIENCE
