"""Made-up logs of what a camera saw, with questions and answers: no pictures are needed.

The pseudo-words that the connector makes are words, so a language model learns from text alone
how to answer about a stream: what, when, where, in which order, who, and "not seen". Every log
is a function of its number; names that `held_out` picks never appear in training logs.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from models.qa.classes import NAMES
from models.qa.moments import Moment
from models.training.text_log_turns import ASKED
from models.training.text_log_world import COLOURS, COMMON, PLACES, Turn, World, thing_of


@dataclass(frozen=True, slots=True)
class Log:
    """Moments in order of time, the time of the questions, and the questions."""

    moments: tuple[Moment, ...]
    now: float
    turns: tuple[Turn, ...]


def held_out(name: str) -> bool:
    """Return whether `name` is kept for validation: one in eight, none of the common ones."""
    return name not in COMMON and hashlib.sha256(name.encode()).digest()[0] % 8 == 0


def make(number: int, *, validation: bool = False, turns: int = 10) -> Log:
    """Return the log with that number; training and validation logs have nothing in common."""
    rng = random.Random(f"{'validation' if validation else 'training'} {number}")
    pool = [name for name in NAMES if held_out(name) == validation]
    moments = _moments(rng, pool)
    world = World(rng, moments, pool)
    asked: list[Turn] = []
    while len(asked) < turns:
        turn = rng.choices(list(ASKED), list(ASKED.values()))[0](world)
        if turn is not None:
            asked.append(turn)
    now = moments[-1].time + rng.choice([0, 0, 1, 2, 5, 30, 200])
    return Log(moments, now, tuple(asked))


def _moments(rng: random.Random, pool: Sequence[str]) -> tuple[Moment, ...]:
    time = rng.choice([0, 0, 1, rng.randrange(90), rng.randrange(12_000)])
    found: list[Moment] = []
    for _ in range(rng.choice([1, 1, 2, 3, 3, 4, 5])):
        thing = thing_of(rng, pool)
        if found and rng.random() < 0.2:
            thing = rng.choice(found).names[0][0]
        scene = {
            "colour": rng.choice(COLOURS) if rng.random() < 0.75 else "",
            "place": rng.choice([*PLACES, ""]),
            "others": tuple(thing_of(rng, pool) for _ in range(rng.choice([0, 0, 0, 1, 1, 2]))),
            "people": rng.choice([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6]),
        }
        if thing == "person":
            scene["colour"], scene["people"] = "", max(1, int(str(scene["people"])))
        for _ in range(rng.choice([1, 1, 2, 2, 3])):
            names = _unsure(rng, thing, pool)
            found.append(Moment(time=float(time), names=names, **scene))  # type: ignore[arg-type]  # fields by name
            time += rng.choice([1, 1, 2, 3, 8])
        time += rng.choice([1, 5, 30, rng.randrange(1, 500)])
    return tuple(found)


def _unsure(rng: random.Random, thing: str, pool: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return names as a classifier gives them: often sure, sometimes torn between some."""
    rest = 0.0 if rng.random() < 0.4 else rng.uniform(0.0, 0.45)
    others = [name for name in rng.sample(pool, rng.choice([1, 2, 4])) if name != thing]
    if rest == 0.0 or thing == "person" or not others:
        return ((thing, 1.0),)
    raw = [rng.random() for _ in others]
    shares = [(name, rest * part / sum(raw)) for name, part in zip(others, raw, strict=True)]
    return ((thing, 1.0 - rest), *shares)
