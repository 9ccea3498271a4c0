import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.resampling import Resampler
from media.frames import AudioChunk
from rtc.receiving.audio.placement import AudioPlacement, map_timestamp, stretched

RATE, CLOCK, ORIGIN = 16_000, 48_000, 2**32 - 500
PACKET, TICKS = 320, 960
SOUND = np.random.default_rng(2).uniform(-0.5, 0.5, 100 * PACKET).astype(np.float32)


def place(numbers: list[int], *, delay: float = 0.1) -> list[AudioChunk]:
    """Return the chunks of these packets; each arrives `delay` after it was sent."""
    placement, heard = AudioPlacement(), list[AudioChunk]()
    for number in numbers:
        samples = SOUND[number * PACKET : (number + 1) * PACKET]
        timestamp, arrival = ORIGIN + number * TICKS, number * PACKET / RATE + delay
        heard += placement.add(
            samples, timestamp=timestamp, clock=CLOCK, rate=RATE, arrival=arrival
        )
    return heard + placement.flush()


def test_sound_starts_at_its_arrival_and_continues_without_a_gap() -> None:
    chunks = place(list(range(10)))
    assert chunks[0].start == round(0.1 * RATE)
    assert all(a.end == b.start for a, b in itertools.pairwise(chunks))
    assert chunks[-1].end - chunks[0].start == 10 * PACKET
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), SOUND[: 10 * PACKET])


@given(st.sets(st.integers(0, 99), min_size=1).map(sorted))
@settings(max_examples=50)
def test_sound_around_lost_sound_keeps_its_place(numbers: list[int]) -> None:
    chunks = place(numbers)
    assert all(a.end <= b.start for a, b in itertools.pairwise(chunks))
    first = chunks[0].start
    places = np.concatenate([np.arange(c.start, c.end) for c in chunks]) - first
    wanted = np.concatenate([np.arange(PACKET) + PACKET * (n - numbers[0]) for n in numbers])
    np.testing.assert_array_equal(places, wanted)


def test_telephone_sound_is_resampled_over_packets_and_keeps_its_place_after_a_gap() -> None:
    speech = np.sin(np.arange(1600) / 3).astype(np.float32)
    placement, heard = AudioPlacement(), list[AudioChunk]()
    for number in (0, 1, 2, 3, 4, 7, 8, 9):
        part = speech[number * 160 : (number + 1) * 160]
        heard += placement.add(
            part, timestamp=number * 160, clock=8000, rate=8000, arrival=1 + number * 0.02
        )
    heard += placement.flush()
    resampler = Resampler(8000, RATE)
    state, parts = resampler.step(resampler.init_state(), speech[:800])
    whole = np.concatenate([*parts, *resampler.flush(state)])
    before = np.concatenate([c.samples for c in heard if c.end <= RATE + 1600])
    np.testing.assert_allclose(before, whole, atol=1e-6)
    assert next(c.start for c in heard if c.start > RATE + 1600) == RATE + 7 * 320
    assert heard[-1].end == RATE + 3200


def test_timestamps_off_by_a_few_ticks_are_no_gap() -> None:
    placement, heard = AudioPlacement(), list[AudioChunk]()
    for number in range(50):
        timestamp = number * TICKS + 3 * (-1) ** number
        samples = SOUND[number * PACKET : (number + 1) * PACKET]
        heard += placement.add(
            samples, timestamp=timestamp, clock=CLOCK, rate=RATE, arrival=timestamp / CLOCK
        )
    assert all(a.end == b.start for a, b in itertools.pairwise(heard))


def test_a_sender_that_restarts_its_timestamps_is_placed_by_arrival() -> None:
    placement = AudioPlacement()
    fields = {"clock": CLOCK, "rate": RATE}
    first = placement.add(SOUND[:PACKET], timestamp=0, arrival=1.0, **fields)
    second = placement.add(SOUND[:PACKET], timestamp=-4_000_000_000, arrival=1.5, **fields)
    third = placement.add(SOUND[:PACKET], timestamp=10**12, arrival=1.25, **fields)
    assert (first[0].start, second[-1].start) == (16_000, 24_000)
    assert third[-1].start >= second[-1].end, "never back"


def test_another_source_is_placed_by_its_arrival() -> None:
    placement = AudioPlacement()
    fields = {"clock": CLOCK, "rate": RATE}
    placement.add(SOUND[:PACKET], timestamp=0, arrival=1.0, **fields)
    placement.restart()
    chunks = placement.add(SOUND[:PACKET], timestamp=0, arrival=2.0, **fields)
    assert chunks[0].start == 32_000


@pytest.mark.parametrize("wraps", [1, 2**32])
def test_positions_follow_timestamps_while_they_agree_with_arrival(wraps: int) -> None:
    offset, position = map_timestamp(None, wraps, 9_000, 90_000)
    assert position == 9_000
    offset, position = map_timestamp(offset, wraps + 3_000, 12_500, 90_000)
    assert position == 12_000
    _, position = map_timestamp(offset, wraps + 90_000 * 3_600, 20_000, 90_000)
    assert position == 20_000


@pytest.mark.parametrize("error", [-300e-6, 100e-6])
@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_a_clock_that_drifts_is_followed(error: float, jitter: float) -> None:
    """A sound card whose clock is `error` slow or fast, for five minutes."""
    draw = np.random.default_rng(1)
    placement, tone = AudioPlacement(), np.sin(np.arange(PACKET) * np.pi / 8).astype(np.float32)
    end, late, step = None, [], 0.0
    for number in range(15_000):
        sent = number * 0.02 * (1 + error)
        now = sent + 0.05 + draw.exponential(1) * jitter
        timestamp = number * TICKS
        placement.note_arrival(timestamp, clock=CLOCK, now=now)
        for chunk in placement.add(tone, timestamp=timestamp, clock=CLOCK, rate=RATE, arrival=now):
            assert end is None or chunk.start == end, "no gap and no overlap"
            end = chunk.end
            step = max(step, float(np.abs(np.diff(chunk.samples)).max()))
            late.append(chunk.start / RATE - sent - 0.05)
    assert max(np.abs(late[3000:])) < 0.015, "within 15 ms after a minute, and for good"
    assert step < 1.1 * np.abs(np.diff(tone)).max(), "no click"


def test_a_first_packet_that_was_late_is_corrected() -> None:
    placement, chunks = AudioPlacement(), []
    for number in range(2000):
        now = number * 0.02 + (0.08 if number == 0 else 0.01)
        placement.note_arrival(number * TICKS, clock=CLOCK, now=now)
        chunks += placement.add(
            SOUND[:PACKET], timestamp=number * TICKS, clock=CLOCK, rate=RATE, arrival=now
        )
    assert abs(chunks[-1].start / RATE - (1999 * 0.02 + 0.01)) < 0.006


@given(st.integers(80, 2000), st.sampled_from([-1, 1]))
def test_stretching_changes_the_length_by_one_and_the_sound_hardly(count: int, step: int) -> None:
    tone = np.sin(np.arange(count) / 10).astype(np.float32)
    made = stretched(tone, step)
    assert len(made) == count + step
    wanted = np.sin(np.arange(count + step) * count / (count + step) / 10)
    np.testing.assert_allclose(made[:-1], wanted[:-1], atol=0.01)  # linear interpolation
