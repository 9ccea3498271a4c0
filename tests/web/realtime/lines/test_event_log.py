from hypothesis import given
from hypothesis import strategies as st

from web.realtime.lines.event_log import EventLog


def replay(log: EventLog, number: int) -> list[int]:
    """Return the numbers of the events after `number`."""
    found = []
    while (entry := log.after(number)) is not None:
        number, text = entry
        assert text.startswith(f"{number} ")
        found.append(number)
    return found


@given(
    steps=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20)), max_size=40),
    start=st.integers(0, 130),
)
def test_a_client_gets_what_it_has_not_got_or_is_told_that_some_is_forgotten(
    steps: list[tuple[int, int]], start: int
) -> None:
    log, added, number = EventLog(max_events=10, max_characters=100), [], 0
    for step, size in steps:
        number += step
        log.add(number, f"{number} " + "x" * size)
        added.append(number)
    wanted = [each for each in added if each > start]
    found = replay(log, start)
    assert found == wanted[len(wanted) - len(found) :]
    assert log.misses(start) == (len(found) < len(wanted))
    assert len(found) <= 10


def test_an_event_larger_than_all_the_room_is_forgotten() -> None:
    log = EventLog(max_events=10, max_characters=100)
    log.add(1, "1 " + "x" * 100)
    assert log.after(0) is None
    assert log.misses(0)
    assert not log.misses(1)
