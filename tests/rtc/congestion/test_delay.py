"""Signs of a queue in the delays of packets; times in seconds."""

import random
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from rtc.congestion.delay import DelayDetector, RecentMinimum, Usage

PERIOD = 0.01  # between two packets


def usages(delays: Iterable[float]) -> list[Usage]:
    """Return what is said of packets that are sent each `PERIOD` and take so long."""
    detector, found = DelayDetector(), []
    for index, delay in enumerate(delays):
        sent = index * PERIOD
        found.append(detector.add(sent + 1234.5, sent + delay))  # by another clock
    return found


def test_a_growing_queue_is_seen_before_it_is_long() -> None:
    growth = [0.02] * 100 + [0.02 + 0.1 * PERIOD * index for index in range(200)]
    found = usages(growth)
    assert Usage.HIGH not in found[:100]
    first = found.index(Usage.HIGH)
    assert growth[first] - 0.02 <= 0.09


def test_a_queue_that_is_full_and_grows_no_more_is_seen() -> None:
    found = usages([0.02] * 100 + [0.32] * 200)
    assert found[130:].count(Usage.HIGH) >= 0.9 * len(found[130:])


def test_a_queue_that_drains_is_left_to_drain() -> None:
    delays = [0.02] * 100 + [0.2 - 0.3 * PERIOD * index for index in range(60)]
    assert Usage.HIGH not in usages(delays)[135:]


def test_a_receiver_that_looks_late_sees_no_queue() -> None:
    """Packets that came while it was busy are seen together, when it looks again."""
    rng, busy_until, delays = random.Random(5), 0.0, []
    for index in range(3000):
        arrived = index * PERIOD + 0.02
        if arrived > busy_until and rng.random() < 0.03:
            busy_until = arrived + rng.uniform(0.01, 0.06)
        seen = max(arrived, busy_until + 0.0002 * (index % 10) if arrived < busy_until else 0.0)
        delays.append(seen - index * PERIOD)
    found = usages(delays)
    assert found.count(Usage.HIGH) <= 0.02 * len(found)


@given(values=st.lists(st.tuples(st.floats(0, 0.3), st.floats(-5, 5)), min_size=1, max_size=200))
def test_the_recent_minimum_is_that_of_all_values_within_a_slot_of_its_memory(
    values: list[tuple[float, float]],
) -> None:
    memory, recent, time = 1.0, RecentMinimum(1.0), 0.0
    seen: list[tuple[float, float]] = []
    for gap, value in values:
        time += gap
        seen.append((time, value))
        least = recent.add(value, time)
        assert least <= min(each for at, each in seen if at > time - memory)
        assert least >= min(each for at, each in seen if at > time - 1.3 * memory)
