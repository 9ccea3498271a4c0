from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from rtc.congestion.arrivals import INTERVAL, TICKS, ArrivalLog
from rtc.congestion.feedback import MAX_STATUSES, Feedback
from rtc.congestion.sequence import WRAP, Unwrapper


@given(start=st.integers(0, WRAP - 1), steps=st.lists(st.integers(-300, 300), max_size=400))
def test_a_number_goes_on_over_its_wrap(start: int, steps: list[int]) -> None:
    unwrapper, value = Unwrapper(), start
    assert unwrapper.unwrap(start) == start
    highest = start
    for step in steps:
        value = max(highest + step, highest - 300)
        highest = max(highest, value)
        assert unwrapper.unwrap(value % WRAP) == value


@given(
    start=st.integers(0, WRAP - 1),
    packets=st.lists(
        st.tuples(st.booleans(), st.floats(0, 0.4), st.floats(0, 0.05)), min_size=1, max_size=200
    ),
)
def test_each_arrival_is_told_once_or_again_the_same(
    start: int, packets: list[tuple[bool, float, float]]
) -> None:
    """Packets that are lost, reordered by up to 0.4 s, and reported each 0.1 s."""
    sent = list(accumulate(gap for _, _, gap in packets))
    arriving = sorted(
        (time + delay, start + index)
        for index, (time, (lost, delay, _)) in enumerate(zip(sent, packets, strict=True))
        if not lost
    )
    log, reports = ArrivalLog(), list[Feedback]()
    for index in range(int((sent[-1] + 1) / INTERVAL)):
        due = index * INTERVAL
        for time, value in arriving:
            if due - INTERVAL < time <= due:
                log.add(value % WRAP, time)
        reports += [Feedback.parse(bytes(each)) for each in log.reports(1, 2, due)]
    told: dict[int, int] = {}
    for report in reports:
        for place, tick in enumerate(report.arrivals):
            if tick is not None:
                assert told.setdefault((report.base + place) % WRAP, tick) == tick
    assert told == {value % WRAP: round(time * TICKS) for time, value in arriving}
    assert [report.number for report in reports] == [n % 256 for n in range(len(reports))]


def test_a_lost_packet_is_told_and_an_idle_transport_says_nothing() -> None:
    log = ArrivalLog()
    assert log.reports(1, 2, 0.0) == []
    log.add(5, 0.01)
    log.add(7, 0.02)
    (report,) = log.reports(1, 2, 0.1)
    assert (report.base, report.arrivals) == (5, (40, None, 80))
    assert log.reports(1, 2, 0.2) == []
    log.add(9, 0.25)
    (report,) = log.reports(1, 2, 0.3)
    assert (report.base, report.arrivals) == (8, (None, 1000))


def test_a_pause_and_a_jump_are_reported_in_what_fits() -> None:
    log = ArrivalLog()
    log.add(1, 0.0)
    log.add(2, 20.0)
    assert [r.arrivals for r in log.reports(1, 2, 20.0)] == [(0,), (80_000,)]
    log.add(30_000, 20.1)
    (report,) = log.reports(1, 2, 20.2)
    assert len(report.arrivals) == MAX_STATUSES
    assert len(bytes(report)) < 40
