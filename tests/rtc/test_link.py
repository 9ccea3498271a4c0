import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rtc.link import BITS, Burst, Change, Conditions, Line, outage

ANY = st.builds(
    Conditions,
    loss=st.floats(0, 0.5),
    burst=st.none() | st.builds(Burst.of, st.floats(0.01, 0.4), st.floats(1, 20)),
    delay=st.floats(0, 0.5),
    jitter=st.floats(0, 0.2),
    reordered=st.floats(0, 0.5),
    reordered_by=st.floats(0, 0.1),
    duplicated=st.floats(0, 0.5),
    corrupted=st.floats(0, 0.5),
    rate=st.just(math.inf) | st.floats(1e4, 1e7),
    queue=st.floats(0, 0.5),
    up=st.booleans(),
)
SCHEDULES = st.lists(st.tuples(st.floats(0, 2), ANY), max_size=4)
TRAFFIC = st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 1400)), max_size=60)
RATES = st.lists(st.floats(1e4, 1e6), min_size=1, max_size=4)


def packets(traffic: Sequence[tuple[float, int]]) -> list[tuple[float, bytes]]:
    """Return packets that can be told apart, with the time of each."""
    times = itertools.accumulate(pause for pause, _ in traffic)
    return [
        (time, number.to_bytes(4) + bytes(size))
        for number, (time, (_, size)) in enumerate(zip(times, traffic, strict=True))
    ]


def run(
    line: Line, sent: Sequence[tuple[float, bytes]], looks: Sequence[float] = ()
) -> list[tuple[float, bytes]]:
    """Send packets, take each out when it arrives, look at other times too; return what arrived."""
    arrived: list[tuple[float, bytes]] = []

    def let_pass(until: float) -> None:
        while (due := line.next_time()) is not None and due <= until:
            arrived.extend((due, data) for data in line.receive(due))

    moments = [(time, data) for time, data in sent] + [(time, None) for time in looks]
    for time, data in sorted(moments, key=lambda each: each[0]):
        let_pass(time)
        if data is None:
            arrived.extend((time, each) for each in line.receive(time))
        else:
            line.send(time, data)
    let_pass(math.inf)
    assert line.next_time() is None
    return arrived


def number(data: bytes) -> int:
    return int.from_bytes(data[:4])


def evenly(count: int, size: int = 100) -> list[tuple[float, bytes]]:
    return packets([(0.001, size)] * count)


@given(schedule=SCHEDULES, traffic=TRAFFIC, seed=st.integers(0, 99))
def test_each_packet_is_lost_or_arrives_once_or_twice_and_not_before_its_delay(
    schedule: list[Change], traffic: list[tuple[float, int]], seed: int
) -> None:
    sent = packets(traffic)
    line = Line(schedule, seed=seed)
    arrived = run(line, sent)
    counters = line.counters
    assert counters.sent == len(sent)
    assert counters.sent_bytes == sum(len(data) for _, data in sent)
    assert counters.delivered == len(arrived)
    through = len(sent) - counters.lost - counters.overflowed
    assert through <= len(arrived) <= 2 * through
    assert [time for time, _ in arrived] == sorted(time for time, _ in arrived)
    delays = [conditions.delay for _, conditions in schedule]
    begins = min((start for start, _ in schedule), default=1.0)
    shortest = min([*delays, 0.0] if begins > 0 else delays)  # without conditions before the first
    if not any(conditions.corrupted for _, conditions in schedule):
        for time, data in arrived:
            assert time >= sent[number(data)][0] + shortest - 1e-9


@given(
    schedule=SCHEDULES,
    traffic=TRAFFIC,
    seed=st.integers(0, 99),
    looks=st.lists(st.floats(0, 8), max_size=20),
)
def test_it_does_not_matter_how_often_a_line_is_looked_at(
    schedule: list[Change], traffic: list[tuple[float, int]], seed: int, looks: list[float]
) -> None:
    sent = packets(traffic)
    often = run(Line(schedule, seed=seed), sent, looks)
    rarely = run(Line(schedule, seed=seed), sent)
    assert [data for _, data in often] == [data for _, data in rarely]
    for one, other in zip(often, rarely, strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-6)  # rounding of a queue cut in pieces


@given(traffic=TRAFFIC, rates=RATES)
def test_a_limited_rate_lets_each_packet_leave_when_the_path_has_carried_those_before_it(
    traffic: list[tuple[float, int]], rates: list[float]
) -> None:
    changes = [(0.5 * place, rate) for place, rate in enumerate(rates)]
    line = Line([(time, Conditions(rate=rate, queue=math.inf)) for time, rate in changes])
    sent = packets(traffic)
    arrived = run(line, sent)
    assert [data for _, data in arrived] == [data for _, data in sent]
    carried = 0.0
    for (time, data), (came, _) in zip(sent, arrived, strict=True):
        carried = max(carried, carried_by(changes, time)) + BITS * len(data)
        assert carried_by(changes, came) == pytest.approx(carried, abs=0.1)  # bits


def carried_by(changes: Sequence[tuple[float, float]], time: float) -> float:
    """Return how many bits a path can have carried by `time`."""
    ends = [start for start, _ in changes[1:]] + [math.inf]
    return sum(
        rate * max(0.0, min(time, end) - start)
        for (start, rate), end in zip(changes, ends, strict=True)
    )


@given(traffic=TRAFFIC, rate=st.floats(1e4, 1e6), queue=st.floats(0, 0.3))
def test_no_packet_waits_longer_than_the_queue_and_itself(
    traffic: list[tuple[float, int]], rate: float, queue: float
) -> None:
    sent = packets(traffic)
    line = Line([(0.0, Conditions(rate=rate, queue=queue))])
    for time, data in run(line, sent):
        own = BITS * len(data) / rate
        assert time - sent[number(data)][0] <= queue + own + 1e-6
    assert line.counters.lost == 0


@given(traffic=TRAFFIC, seed=st.integers(0, 99), jitter=st.floats(0, 0.3))
def test_jitter_alone_keeps_the_order(
    traffic: list[tuple[float, int]], seed: int, jitter: float
) -> None:
    sent = packets(traffic)
    arrived = run(Line([(0.0, Conditions(delay=0.05, jitter=jitter))], seed=seed), sent)
    assert [data for _, data in arrived] == [data for _, data in sent]


def test_a_reordered_packet_is_overtaken() -> None:
    held = Line([(0.0, Conditions(reordered=0.2, reordered_by=0.0035))], seed=3)
    order = [number(data) for _, data in run(held, evenly(1_000))]
    assert sorted(order) == list(range(1_000))
    late = [place for place, which in enumerate(order) if any(w > which for w in order[:place])]
    assert 100 < len(late) < 250  # 200 but for those that are held back together
    assert max(place - which for place, which in enumerate(order)) <= 3


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_random_loss_has_the_share_that_was_asked_for(share: float) -> None:
    line = Line([(0.0, Conditions(loss=share))], seed=1)
    run(line, evenly(10_000))
    assert line.counters.lost / 10_000 == pytest.approx(share, abs=0.012)  # four deviations


def test_losses_do_not_depend_on_the_delay_and_grow_with_the_share() -> None:
    def arriving(conditions: Conditions) -> set[int]:
        return {number(data) for _, data in run(Line([(0.0, conditions)], seed=7), evenly(500))}

    some = arriving(Conditions(loss=0.05))
    jittery = Conditions(loss=0.05, delay=0.1, jitter=0.05, duplicated=0.3, reordered=0.1)
    assert arriving(jittery) == some
    assert arriving(Conditions(loss=0.1)) < some


def test_bursts_have_their_length_and_their_share() -> None:
    line = Line([(0.0, Conditions(burst=Burst.of(0.1, 8.0)))], seed=5)
    came = {number(data) for _, data in run(line, evenly(40_000))}
    runs = [len(list(group)) for lost, group in itertools.groupby(
        range(40_000), key=lambda which: which not in came
    ) if lost]  # fmt: skip
    assert sum(runs) / 40_000 == pytest.approx(0.1, abs=0.02)
    assert sum(runs) / len(runs) == pytest.approx(8, abs=1)


def test_an_outage_loses_what_is_sent_in_it_and_nothing_else() -> None:
    line = Line(outage(Conditions(delay=0.05), 0.2, 0.3))
    arrived = run(line, evenly(1_000))
    assert {number(data) for _, data in arrived} == {
        which for which, (time, _) in enumerate(evenly(1_000)) if not 0.2 <= time < 0.5
    }
    assert line.counters.lost == 1_000 - len(arrived)


def test_a_damaged_packet_has_one_bit_changed_and_a_doubled_one_comes_twice() -> None:
    sent = evenly(1_000)
    damaged = run(Line([(0.0, Conditions(corrupted=0.25))], seed=2), sent)
    changes = [
        (int.from_bytes(before) ^ int.from_bytes(after)).bit_count()
        for (_, before), (_, after) in zip(sent, damaged, strict=True)
    ]
    assert set(changes) == {0, 1}
    assert sum(changes) == pytest.approx(250, abs=55)
    twice = run(Line([(0.0, Conditions(duplicated=0.25))], seed=2), sent)
    assert len(twice) == pytest.approx(1_250, abs=55)


def test_the_same_seed_gives_the_same_path_and_another_seed_another_one() -> None:
    rough = Conditions(loss=0.1, delay=0.05, jitter=0.02, reordered=0.05, corrupted=0.01)
    first = run(Line([(0.0, rough)], seed=1), evenly(300))
    assert run(Line([(0.0, rough)], seed=1), evenly(300)) == first
    assert run(Line([(0.0, rough)], seed=2), evenly(300)) != first


def test_a_schedule_can_be_replaced_and_counts_from_its_start() -> None:
    line = Line([(0.0, Conditions(delay=0.01))])
    line.follow([(0.0, Conditions(delay=0.1)), (1.0, Conditions(up=False))], start=5.0)
    line.send(4.0, b"a")
    assert line.receive(4.01) == [b"a"]
    line.send(5.0, b"b")
    assert line.receive(5.05) == []
    line.send(6.0, b"c")
    assert line.receive(9.0) == [b"b"]
    assert line.counters.lost == 1
