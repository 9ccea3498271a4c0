"""What the bench says of memory that grows: curves of an hour, in MiB a minute."""

from collections.abc import Callable
from math import exp, nan

import numpy as np
import pytest

from tests.bench.soak_verdict import verdict


def hour(memory: Callable[[int], float], *, shown: float = 1.0) -> list[str]:
    """Return what is said of an hour in which words are `shown` as late, with some noise."""
    noise = np.random.default_rng(0).normal(0, 2, 60)
    rest = {"descriptors": 30.0, "threads": 20.0, "stable": 2.0}
    return list(
        verdict([{"memory": memory(n) + noise[n], "shown": shown, **rest} for n in range(60)])
    )


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (lambda n: 1000.0, "flat"),
        (lambda n: 1000.0 + 4.0 * n, "GROWS"),
        (lambda n: 1000.0 + 4.0 * max(0, n - 30), "GROWS"),
        (lambda n: 1300.0 - 500 * exp(-n / 20), "fills up"),
        (lambda n: 1000.0 + 200.0 * (n % 9 == 0), "flat"),  # for a moment
    ],
)
def test_what_fills_up_is_told_from_what_grows(
    memory: Callable[[int], float], expected: str
) -> None:
    (found,) = [each for each in hour(memory) if each.startswith("memory")]
    assert expected in found


@pytest.mark.parametrize(("shown", "expected"), [(1.0, False), (60.0, True), (nan, True)])
def test_a_starved_service_is_said_to_be_one(shown: float, expected: bool) -> None:
    assert any("STARVED" in each for each in hour(lambda n: 1000.0, shown=shown)) == expected


def test_a_few_minutes_are_too_short() -> None:
    assert list(verdict([])) == ["too short to compare thirds"]
