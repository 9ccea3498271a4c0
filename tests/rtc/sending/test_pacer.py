from hypothesis import given
from hypothesis import strategies as st

from rtc.sending.pacer import BURST, FACTOR, MAX_COPIES, MAX_DEBT, Pacer, Priority


def drain(pacer: Pacer[int], bitrate: float, start: float = 0.0) -> list[tuple[float, int]]:
    """Return when each packet leaves."""
    left: list[tuple[float, int]] = []
    time: float | None = start
    while (time := pacer.next_time(time or 0.0)) is not None:
        left += [(time, packet) for packet in pacer.take(time, bitrate)]
    return left


@given(
    packets=st.lists(st.tuples(st.integers(1, 1500), st.sampled_from(Priority)), min_size=1),
    bitrate=st.floats(50e3, 5e6),
)
def test_all_leave_in_order_of_priority_and_no_faster_than_the_pace(
    packets: list[tuple[int, Priority]], bitrate: float
) -> None:
    pacer: Pacer[int] = Pacer()
    for index, (size, priority) in enumerate(packets):
        pacer.put(index, size, priority)
    left = drain(pacer, bitrate)
    copies = [index for index, (_, each) in enumerate(packets) if each is Priority.EXTRA]
    kept = set(range(len(packets))) - set(copies[:-MAX_COPIES])
    order = sorted(kept, key=lambda index: (packets[index][1], index))
    assert [index for _, index in left] == order
    assert pacer.waiting == 0
    paced = [(time, packets[i][0]) for time, i in left if packets[i][1] is not Priority.URGENT]
    bytes_before = 0
    for time, size in paced:
        assert bytes_before <= (time + BURST) * FACTOR * bitrate / 8 + 1e-6
        bytes_before += size


def test_urgent_packets_leave_at_once_and_hold_up_the_others_for_a_bounded_time() -> None:
    pacer: Pacer[int] = Pacer()
    for index in range(100):
        pacer.put(index, 1000, Priority.URGENT)
    pacer.put(100, 1000, Priority.NORMAL)
    assert pacer.take(1.0, 100e3) == list(range(100))
    due = pacer.next_time(1.0)
    assert due is not None
    assert 1.0 < due <= 1.0 + MAX_DEBT + 1000 * 8 / (FACTOR * 100e3)
    assert pacer.take(due, 100e3) == [100]


def test_a_frame_is_spread_over_time() -> None:
    pacer: Pacer[int] = Pacer()
    for index in range(10):
        pacer.put(index, 1250, Priority.NORMAL)
    assert abs(pacer.delay(100e3) - 100e3 / (FACTOR * 100e3)) < 1e-9
    left = drain(pacer, 100e3)
    assert 0.3 <= left[-1][0] <= 0.4  # nine tenths of 1 s at 2.5 times the pace
    pacer.put(1, 1, Priority.NORMAL)
    pacer.clear()
    assert pacer.next_time(9.0) is None


def test_copies_hold_up_no_new_frame_and_old_ones_are_dropped() -> None:
    pacer: Pacer[int] = Pacer()
    for index in range(MAX_COPIES + 5):
        pacer.put(index, 1000, Priority.EXTRA)
    assert pacer.delay(100e3) == 0
    assert pacer.waiting == 1000 * MAX_COPIES
    assert [index for _, index in drain(pacer, 100e3)] == list(range(5, MAX_COPIES + 5))
