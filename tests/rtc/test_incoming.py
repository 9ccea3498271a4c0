import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.frames import AudioChunk, VideoFrame
from rtc.incoming import CameraOpening, IncomingAudio, flush_audio, map_timestamp, receive_audio

RATE = 48_000
PACKET = 960  # samples: 20 ms
SOUND = np.random.default_rng(2).uniform(-0.5, 0.5, 100 * PACKET).astype(np.float32)


def receive_packets(numbers: list[int], *, delay: float = 0.1) -> list[AudioChunk]:
    """Return the chunks of these packets; each arrives `delay` after it was sent."""
    state, heard = IncomingAudio(), list[AudioChunk]()
    for number in numbers:
        samples = SOUND[number * PACKET : (number + 1) * PACKET]
        arrival = number * PACKET / RATE + delay
        state, chunks = receive_audio(
            state, samples, pts=number * PACKET, rate=RATE, arrival=arrival
        )
        heard += chunks
    return heard + flush_audio(state)[1]


def test_audio_starts_at_its_arrival_and_continues_without_a_gap() -> None:
    chunks = receive_packets(list(range(10)))
    assert chunks[0].start == round(0.1 * 16_000)
    assert all(a.end == b.start for a, b in itertools.pairwise(chunks))
    assert chunks[-1].end - chunks[0].start == 10 * 320
    assert {chunk.rate for chunk in chunks} == {16_000}


def test_a_lost_packet_leaves_a_gap_of_its_length() -> None:
    chunks = receive_packets([0, 1, 2, 5, 6])
    gaps = [b.start - a.end for a, b in itertools.pairwise(chunks)]
    assert sum(gaps) == 2 * 320
    assert max(gaps) == 2 * 320
    assert chunks[-1].end == chunks[0].start + 7 * 320


@given(st.sets(st.integers(0, 99), min_size=1).map(sorted))
@settings(max_examples=50)
def test_packets_around_lost_ones_keep_their_position(numbers: list[int]) -> None:
    chunks = receive_packets(numbers)
    assert sum(len(chunk.samples) for chunk in chunks) == 320 * len(numbers)
    assert all(a.end <= b.start for a, b in itertools.pairwise(chunks))
    first = chunks[0].start
    places = np.concatenate([np.arange(c.start, c.end) for c in chunks]) - first
    wanted = np.concatenate([np.arange(320) + 320 * (n - numbers[0]) for n in numbers])
    np.testing.assert_array_equal(places, wanted)


def test_timestamps_off_by_a_few_samples_are_no_gap() -> None:
    state, heard = IncomingAudio(), list[AudioChunk]()
    for number in range(50):
        pts = number * PACKET + (-1) ** number
        samples = SOUND[number * PACKET : (number + 1) * PACKET]
        state, chunks = receive_audio(state, samples, pts=pts, rate=RATE, arrival=pts / RATE)
        heard += chunks
    assert all(a.end == b.start for a, b in itertools.pairwise(heard))


def test_a_sender_that_restarts_its_timestamps_is_placed_by_arrival() -> None:
    state, first = receive_audio(IncomingAudio(), SOUND[:PACKET], pts=0, rate=RATE, arrival=1.0)
    state, second = receive_audio(state, SOUND[:PACKET], pts=-4_000_000_000, rate=RATE, arrival=1.5)
    assert first[0].start == 16_000
    assert second[-1].start == 24_000
    _, third = receive_audio(state, SOUND[:PACKET], pts=10**12, rate=RATE, arrival=1.25)
    assert third[-1].start >= second[-1].end  # never back


def test_a_change_of_rate_continues_at_the_same_position() -> None:
    state, first = receive_audio(IncomingAudio(), SOUND[:PACKET], pts=0, rate=48_000, arrival=1.0)
    state, second = receive_audio(state, SOUND[:160], pts=160, rate=8_000, arrival=1.02)
    chunks = [*first, *second, *flush_audio(state)[1]]
    assert chunks[0].start == 16_000
    assert sum(len(chunk.samples) for chunk in chunks) == 640
    assert chunks[-1].end == 16_640


@pytest.mark.parametrize("wraps", [1, 2**32])
def test_positions_follow_timestamps_while_they_agree_with_arrival(wraps: int) -> None:
    offset, position = map_timestamp(None, wraps, 9_000, 90_000)
    assert position == 9_000
    offset, position = map_timestamp(offset, wraps + 3_000, 12_500, 90_000)
    assert position == 12_000
    _, position = map_timestamp(offset, wraps + 90_000 * 3_600, 20_000, 90_000)
    assert position == 20_000


def shown(brightness: list[int], *, rate: int) -> list[int]:
    """Return the brightness of the frames that a session gets of a camera's."""
    opening, passed = CameraOpening(), []
    for number, value in enumerate(brightness):
        pixels = np.full((48, 64, 3), value, np.uint8)
        opening = opening.after(VideoFrame(pixels, number * 90_000 // rate))
        if opening.over:
            passed.append(value)
    return passed


def test_black_before_a_camera_has_its_first_picture_is_not_seen() -> None:
    assert shown([0, 0, 3, 80, 0, 90], rate=10) == [80, 0, 90]


def test_a_camera_that_shows_black_for_two_seconds_shows_black() -> None:
    assert shown([0] * 30, rate=10) == [0] * 10


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 60))
def test_only_black_frames_at_the_start_are_passed_over(brightness: list[int], rate: int) -> None:
    passed = shown(brightness, rate=rate)
    left_out = brightness[: len(brightness) - len(passed)]
    assert left_out + passed == brightness
    assert all(value <= 16 for value in left_out)
    assert len(left_out) <= 2 * rate
