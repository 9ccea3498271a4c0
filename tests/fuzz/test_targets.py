"""A short run of each fuzz target; `python -m tests.fuzz.run` goes on for as long as it is let."""

import random
from collections.abc import Callable

import pytest

from tests.fuzz.corpus import KEPT, read_corpus
from tests.fuzz.targets import TARGETS

ROUNDS = 150


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_a_parser_raises_only_what_it_promises(target: Callable[[bytes], None]) -> None:
    rng = random.Random(20)
    drawn = [rng.randbytes(rng.randrange(120)) for _ in range(ROUNDS)]
    for data in [*read_corpus(target.__name__), *drawn]:
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{data!r} raised {error!r}") from error


def test_each_corpus_belongs_to_a_target() -> None:
    names = {path.stem for path in KEPT.glob("*.txt")}
    assert names
    assert names <= TARGETS.keys()
