"""A short run of each fuzz target; `python -m tests.fuzz.run` goes on for as long as it is let."""

import random
from collections.abc import Callable

import pytest

from tests.fuzz.targets import TARGETS

ROUNDS = 150


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_a_parser_raises_only_what_it_promises(target: Callable[[bytes], None]) -> None:
    rng = random.Random(20)
    for _ in range(ROUNDS):
        data = rng.randbytes(rng.randrange(120))
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{data!r} raised {error!r}") from error
