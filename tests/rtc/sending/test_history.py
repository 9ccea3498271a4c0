from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from rtc.sending.history import MAX_AGE, MAX_PACKETS, MAX_TIMES, SHARE, SentHistory

FAST = 1e9  # bit/s: nothing is left out for the bitrate


def packet(number: int, size: int = 100) -> RtpPacket:
    return RtpPacket(sequence_number=number, payload=bytes(size))


def filled(count: int, size: int = 100) -> SentHistory:
    history = SentHistory()
    for number in range(count):
        history.add(packet(number, size), number / 1000)
    return history


def test_a_request_is_answered_once_in_a_round_trip_and_a_few_times_in_all() -> None:
    history, answers = filled(10), []
    for step in range(30):
        found = history.requested([3, 3, 5, 99], 1 + step / 20, round_trip=0.1, bitrate=FAST)
        answers.append([each.sequence_number for each in found])
    assert answers[0] == [3, 5]
    assert answers[1] == []
    assert sum(map(len, answers)) == 2 * MAX_TIMES


def test_what_is_too_old_is_forgotten() -> None:
    history = filled(10)
    assert history.requested([1], MAX_AGE + 1, round_trip=0.1, bitrate=FAST) == []
    many = filled(MAX_PACKETS + 10)
    assert many.requested([0], 2.2, round_trip=0.1, bitrate=FAST) == []
    assert len(many._kept) == MAX_PACKETS


@given(requests=st.lists(st.lists(st.integers(0, 999)), max_size=30))
def test_repeated_packets_take_a_share_of_the_bitrate(requests: list[list[int]]) -> None:
    history, time, sent, bitrate = filled(1000, 1000), 1.0, 0, 400e3
    for numbers in requests:
        time += 0.05
        found = history.requested(numbers, time, round_trip=0.0, bitrate=bitrate)
        sent += sum(len(each.payload) for each in found)
    assert sent <= SHARE * bitrate / 8 * (1 + (time - 1.0))
