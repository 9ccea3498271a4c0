from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from media.files.restarts import Restarts


def corrected(*times: int, stream: int = 0, restarts: Restarts | None = None) -> list[int]:
    """Return the presentation times of packets of 40 ms, in milliseconds."""
    restarts = restarts or Restarts()
    moved = []
    for time in times:
        packet: Any = SimpleNamespace(
            dts=time,
            pts=time + 80,
            duration=40,
            time_base=Fraction(1, 1000),
            stream=SimpleNamespace(index=stream),
        )
        restarts.correct(packet)
        assert packet.pts == packet.dts + 80
        moved.append(packet.dts)
    return moved


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 40, 80, 3000), (0, 40, 80, 3000)),  # a gap is one
        ((9000, 9040, 0, 40, 80), (9000, 9040, 9080, 9120, 9160)),
        ((9000, 0, 4000, 5000, 0, 40), (9000, 9040, 13_040, 14_040, 14_080, 14_120)),
        ((0, 40, 9_000_000, 120, 160), (0, 40, 9_000_000, 120, 160)),  # one that is damaged
        ((5000, 4500, 5080), (5000, 4500, 5080)),
    ],
)
def test_times_that_begin_again_go_on_and_a_damaged_one_moves_nothing(
    times: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert corrected(*times) == list(expected)


def test_each_stream_has_its_own_times() -> None:
    restarts = Restarts()
    assert corrected(9000, 0, restarts=restarts) == [9000, 9040]
    assert corrected(9000, 9040, stream=1, restarts=restarts) == [9000, 9040]
