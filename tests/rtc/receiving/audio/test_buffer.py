"""Order and gaps; what comes out is compared with a plain reference, the sorted arrivals."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.receiving.audio.buffer import MAX_WAITING, AudioBuffer, AudioPacket, Item, Missing, unwrap
from rtc.receiving.audio.patience import MIN_WAIT, Patience

TICKS = 960
PERIOD = 0.02
LIMIT = 0.2

Arrival = tuple[float, int]  # when, and which packet


def packet(number: int, *, timestamp: int | None = None, copy: bool = False) -> AudioPacket:
    at = number * TICKS if timestamp is None else timestamp
    return AudioPacket(number, at, TICKS, str(number).encode(), copy)


def buffer(limit: float = LIMIT) -> AudioBuffer:
    """Return a buffer for a sender that does not retransmit."""
    patience = Patience(limit=limit, agreed=False)
    patience.round_trip = 10.0
    return AudioBuffer(patience)


def run(buffer: AudioBuffer, arrivals: list[Arrival]) -> list[tuple[float, Item]]:
    """Return the items, with when they came out; time is given whenever something is due."""
    out: list[tuple[float, Item]] = []
    for now, number in arrivals:
        while (due := buffer.deadline()) is not None and due <= now:
            out += [(due, item) for item in buffer.take(due)]
        buffer.add(packet(number), now)
        out += [(now, item) for item in buffer.take(now)]
    while (due := buffer.deadline()) is not None:
        out += [(due, item) for item in buffer.take(due)]
    return out


def check_cover(items: list[Item]) -> None:
    """Check that sound and gaps cover the whole time, without overlap."""
    position = 0
    for item in items:
        if isinstance(item, Missing):
            assert item.end - item.lost - item.pause == position
            position = item.end
        else:
            assert item.timestamp == position
            position = item.timestamp + item.duration


def numbers(items: list[tuple[float, Item]]) -> list[int]:
    return [item.number for _, item in items if isinstance(item, AudioPacket)]


def test_without_loss_nothing_waits() -> None:
    arrivals = [(number * PERIOD, number) for number in range(100)]
    out = run(buffer(), arrivals)
    assert [(time, item) for time, item in out] == [(time, packet(n)) for time, n in arrivals]


def test_a_packet_that_was_overtaken_comes_in_order() -> None:
    out = run(buffer(), [(0.0, 10), (0.02, 12), (0.03, 11), (0.06, 13)])
    assert [(time, item.number) for time, item in out if isinstance(item, AudioPacket)] == [
        (0.0, 10),
        (0.03, 11),
        (0.03, 12),
        (0.06, 13),
    ]
    assert len(out) == 4


def test_what_does_not_come_is_given_up_in_time() -> None:
    out = run(buffer(), [(0.0, 10), (0.04, 12), (0.5, 11)])
    (_, first), (time, missing), (then, last) = out
    assert first == packet(10)
    assert time == then == pytest.approx(0.04 + MIN_WAIT)
    assert missing == Missing(end=12 * TICKS, lost=TICKS, pause=0, following=packet(12))
    assert last == packet(12)


def test_a_pause_of_the_sender_is_not_lost() -> None:
    audio = buffer()
    for number, timestamp in ((5, 0), (6, 50 * TICKS)):
        audio.add(packet(number, timestamp=timestamp), 0.0)
    assert list(audio.take(0.0)) == [packet(5, timestamp=0), packet(6, timestamp=50 * TICKS)]


def test_of_a_packet_lost_in_a_pause_only_its_own_sound_is_missing() -> None:
    audio = buffer()
    for number, timestamp in ((5, 0), (7, 50 * TICKS)):
        audio.add(packet(number, timestamp=timestamp), 0.0)
    _, missing, _ = audio.take(1.0)
    assert isinstance(missing, Missing)
    assert (missing.lost, missing.pause, missing.end) == (TICKS, 48 * TICKS, 50 * TICKS)


def test_packets_of_one_timestamp_follow_each_other() -> None:
    audio = buffer()
    for number, timestamp in ((5, 0), (6, 0), (7, 2 * TICKS), (8, 2 * TICKS)):
        audio.add(packet(number, timestamp=timestamp), 0.0)
    places = [item.timestamp for item in audio.take(0.0) if isinstance(item, AudioPacket)]
    assert places == [0, TICKS, 2 * TICKS, 3 * TICKS]


def test_a_copy_takes_the_place_of_a_lost_packet() -> None:
    audio = buffer()
    audio.add(packet(5), 0.0)
    audio.add(packet(6, copy=True), 0.04)
    audio.add(packet(7), 0.04)
    assert [i.number for i in audio.take(0.04) if isinstance(i, AudioPacket)] == [5, 6, 7]
    assert audio.unused == 0


def test_a_sender_that_restarts_is_followed_from_its_second_packet_on() -> None:
    audio = buffer()
    out: list[Item] = []
    for number in (5, 6, 40_000, 7, 50_000, 50_001, 50_002):
        audio.add(packet(number), 0.0)
        out += audio.take(0.0)
    assert [i.number for i in out if isinstance(i, AudioPacket)] == [5, 6, 7, 50_001, 50_002]


def test_a_flood_behind_a_gap_is_not_kept() -> None:
    audio = buffer()
    audio.add(packet(1), 0.0)
    for number in range(3, 3 + 2 * MAX_WAITING):
        audio.add(packet(number), 0.0)
        list(audio.take(0.0))
    assert audio.deadline() is None


@given(st.integers(0, 2**40), st.integers(-(2**15) + 1, 2**15 - 1))
def test_numbers_are_unwrapped_to_the_nearest(near: int, step: int) -> None:
    assert unwrap((near + step) % 2**16, near, 2**16) == near + step


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0, 0.3))
def test_any_arrivals_come_out_once_in_order_and_in_time(
    seed: int, loss: float, reordered: float, doubled: float
) -> None:
    draw = random.Random(seed)
    sent = [n for n in range(60) if n == 0 or draw.random() >= loss]
    arrivals = []
    for number in sent:
        for _ in range(2 if draw.random() < doubled else 1):
            late = draw.uniform(0, 0.3) if number and draw.random() < reordered else 0.0
            arrivals.append((number * PERIOD + late, number))
    arrivals.sort()
    audio = buffer()
    out = run(audio, arrivals)
    heard = numbers(out)
    assert heard == sorted(set(heard))
    first: dict[int, float] = {}
    for time, number in arrivals:
        first.setdefault(number, time)
    assert set(heard) <= set(first)
    assert audio.unused == len(arrivals) - len(heard)
    overtaken = set(first) - set(heard)
    assert max(overtaken, default=-1) < max(heard), "only what was overtaken may be lost"
    for time, item in out:
        if isinstance(item, AudioPacket):
            assert time <= first[item.number] + LIMIT + 1e-9
    check_cover([item for _, item in out])


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_with_enough_patience_any_order_is_the_sorted_one(seed: int, reordered: float) -> None:
    draw = random.Random(seed)
    late = [0.0, *(draw.uniform(0, 0.2) * (draw.random() < reordered) for _ in range(59))]
    arrivals = sorted((n * PERIOD + late[n], n) for n in range(60))
    patience = Patience(limit=0.5, agreed=True)  # one that answers: both rounds are waited for
    patience.round_trip = 0.2
    assert numbers(run(AudioBuffer(patience), arrivals)) == list(range(60))
