import pytest

from rtc.receiving.audio.patience import (
    FORGET,
    MARGIN,
    MAX_GAP,
    MAX_REQUESTED,
    MIN_WAIT,
    PROBES,
    Patience,
)
from rtc.receiving.retransmission import MAX_REQUESTS

LIMIT = 0.3
TRIP = 0.1


def patience(*, agreed: bool = True, limit: float = LIMIT, round_trip: float = TRIP) -> Patience:
    made = Patience(limit=limit, agreed=agreed)
    made.round_trip = round_trip
    return made


def test_a_packet_is_asked_for_at_once_and_once_in_each_response_time() -> None:
    asked = patience()
    asked.noticed(range(7, 8), 1.0)
    assert asked.next_request() == 1.0
    assert asked.requests(1.0) == [7]
    assert asked.requests(1.0 + TRIP) == []
    assert asked.next_request() == pytest.approx(1.0 + TRIP + MARGIN)
    assert asked.requests(1.0 + TRIP + MARGIN) == [7]
    assert asked.next_request() is None, "a third answer would come after the limit"
    assert asked.deadline(7) == pytest.approx(1.0 + 2 * (TRIP + MARGIN))


@pytest.mark.parametrize("round_trip", [0.001, 0.05, 0.12, 0.2, 0.29, 0.5])
def test_no_answer_could_come_after_the_deadline(round_trip: float) -> None:
    asked = patience(round_trip=round_trip)
    asked.noticed(range(1, 2), 0.0)
    times = []
    while (time := asked.next_request()) is not None:
        times.append(time)
        assert asked.requests(time) == [1]
    assert len(times) <= MAX_REQUESTS
    assert all(time + round_trip <= asked.deadline(1) for time in times)
    assert asked.deadline(1) <= LIMIT
    assert bool(times) == (round_trip <= LIMIT - MARGIN)


def test_without_an_answer_in_time_the_wait_is_short() -> None:
    asked = patience(round_trip=0.5)
    asked.noticed(range(1, 2), 1.0)
    assert asked.deadline(1) == pytest.approx(1.0 + MIN_WAIT)


def test_a_sender_that_never_answers_is_not_asked_any_more() -> None:
    asked = patience(agreed=False)
    for number in range(PROBES):
        asked.noticed(range(number, number + 1), number)
        assert asked.requests(number) == [number]
        asked.gave_up(range(number, number + 1))
    asked.noticed(range(100, 101), 100.0)
    assert asked.next_request() is None
    assert asked.deadline(100) == pytest.approx(100 + MIN_WAIT)


def test_one_answer_is_enough_to_go_on_asking() -> None:
    asked = patience(agreed=False)
    for number in range(5 * PROBES):
        asked.noticed(range(number, number + 1), number)
        assert asked.requests(number) == [number]
        if number % (PROBES - 1):
            asked.gave_up(range(number, number + 1))
        else:
            asked.arrived(number, number + TRIP, copy=False)


def test_an_outage_is_one_gap_without_an_answer() -> None:
    asked = patience(agreed=False)
    asked.noticed(range(100), 0.0)
    asked.requests(0.0)
    asked.gave_up(range(100))
    assert asked.retransmits


def test_the_newest_packets_of_a_long_gap_are_asked_for_and_a_longer_one_is_not_waited_for() -> (
    None
):
    asked = patience()
    asked.noticed(range(MAX_GAP), 0.0)
    assert asked.requests(0.0) == list(range(MAX_GAP - MAX_REQUESTED, MAX_GAP))
    assert asked.requests(1.0) == list(range(MAX_GAP - MAX_REQUESTED, MAX_GAP))
    longer = patience()
    longer.noticed(range(MAX_GAP + 1), 5.0)
    assert longer.next_request() is None
    assert longer.deadline(0) < 5.0


def test_the_response_time_is_learned_from_answers() -> None:
    asked = patience(round_trip=0.1)
    for number in range(50):
        asked.noticed(range(number, number + 1), number)
        asked.requests(number)
        asked.arrived(number, number + 0.14, copy=False)
    assert asked.response == pytest.approx(0.14 + MARGIN, abs=0.001)


def test_a_packet_that_was_only_late_teaches_to_wait_before_asking() -> None:
    asked = patience()
    asked.noticed(range(1, 2), 0.0)
    asked.requests(0.0)
    asked.arrived(1, 0.03, copy=False)
    asked.noticed(range(5, 6), 0.03)
    assert asked.next_request() == pytest.approx(0.06)
    asked.forget()
    asked.noticed(range(9, 10), 0.03 + FORGET)
    assert asked.next_request() == pytest.approx(0.03 + FORGET + 0.015)


def test_a_packet_that_came_after_it_was_given_up_teaches_to_wait_longer() -> None:
    asked = patience(round_trip=1.0)
    asked.noticed(range(1, 2), 0.0)
    asked.gave_up(range(1, 2))
    asked.arrived(1, 0.08, copy=False)
    asked.noticed(range(5, 6), 0.08)
    assert asked.deadline(5) == pytest.approx(0.16)


def test_a_copy_teaches_nothing() -> None:
    asked = patience()
    asked.noticed(range(1, 2), 0.0)
    asked.requests(0.0)
    asked.arrived(1, 0.05, copy=True)
    asked.noticed(range(5, 6), 0.1)
    assert asked.next_request() == 0.1


def test_the_response_time_is_learned_from_slow_answers_too() -> None:
    """Each is asked for twice before the answer to the first request comes."""
    asked = patience(round_trip=0.1, limit=0.5)
    for number in range(20):
        asked.noticed(range(number, number + 1), number)
        asked.requests(number)
        asked.requests(number + 0.13)
        asked.arrived(number, number + 0.15, copy=False)
    assert asked.response == pytest.approx(0.15 + MARGIN, abs=0.01)
