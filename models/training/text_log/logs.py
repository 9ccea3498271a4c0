"""Synthetic scene logs with questions and answers; no pictures are needed.

Scene entries are text, so a language model learns from text alone to answer about a stream: what,
when, where, in which order, who, and "not seen". Every log is a function of its number; names in
`held_out` never appear in training logs.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from models.assistant.scene.query_parsing import parse_query
from models.assistant.scene.scene_entry import SceneEntry, question_text
from models.assistant.scene.scene_log import search
from models.assistant.scene.scene_making import COARSE_KINDS, SOMETHING
from models.language.smollm2 import question_prompt
from models.training.text_log.questions import QUESTION_WEIGHTS
from models.training.text_log.world import (
    COLORS,
    COMMON,
    PLACES,
    QuestionAnswer,
    World,
    entry_of,
    thing_of,
)
from models.vision.class_names import NAMES


@dataclass(frozen=True, slots=True)
class SyntheticLog:
    """Moments in order of time, the time of the questions, and the questions."""

    moments: tuple[SceneEntry, ...]
    now: float
    turns: tuple[QuestionAnswer, ...]


def held_out(name: str) -> bool:
    """Return whether `name` is kept for validation: one in eight, none of the common ones."""
    return name not in COMMON and hashlib.sha256(name.encode()).digest()[0] % 8 == 0


def make(number: int, *, validation: bool = False, turns: int = 10) -> SyntheticLog:
    """Return log `number`; training and validation logs share no numbers."""
    rng = random.Random(f"{'validation' if validation else 'training'} {number}")
    pool = [name for name in NAMES if held_out(name) == validation]
    moments = _moments(rng, pool)
    world = World(rng, moments, pool)
    made: list[QuestionAnswer] = []
    while len(made) < turns:
        turn = rng.choices(list(QUESTION_WEIGHTS), list(QUESTION_WEIGHTS.values()))[0](world)
        if turn is not None:
            made.append(turn)
    now = moments[-1].time + rng.choice([0, 0, 1, 2, 5, 30, 200])
    return SyntheticLog(moments, now, tuple(made))


def prompt(log: SyntheticLog, turn: QuestionAnswer) -> str:
    """Return the prompt for `turn` after the lines of `log`, up to the answer."""
    entries = [entry_of(index, moment) for index, moment in enumerate(log.moments)]
    return question_prompt(
        question_text(turn.question, log.now, search(entries, parse_query(turn.question)))
    )


def _moments(rng: random.Random, pool: Sequence[str]) -> tuple[SceneEntry, ...]:
    time = rng.choice([0, 0, 1, rng.randrange(90), rng.randrange(12_000)])
    found: list[SceneEntry] = []
    for _ in range(rng.choice([1, 1, 2, 3, 3, 4, 4, 5, 6])):
        thing = thing_of(rng, pool)
        if found and rng.random() < 0.15:
            thing = rng.choice(found).names[0][0]
        elif rng.random() < 0.1:
            thing = rng.choice([*COARSE_KINDS, SOMETHING])
        others = tuple(thing_of(rng, pool) for _ in range(rng.choice([0, 0, 0, 1, 1, 2])))
        people = rng.choice([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6])
        scene = (thing, tuple(dict.fromkeys(o for o in others if o not in (thing, "person"))))
        entry = _moment(rng, 0.0, scene, people, pool)
        for _ in range(rng.choice([1, 2, 2, 2, 3])):
            if rng.random() < 0.4:
                entry = _moment(rng, 0.0, scene, people, pool)
            found.append(replace(entry, time=float(time)))
            time += rng.choice([1, 1, 2, 3, 8, 10])
        time += rng.choice([0, 1, 1, 5, 30, rng.randrange(1, 500)])
    return tuple(_apart(found))


def _moment(
    rng: random.Random,
    time: float,
    scene: tuple[str, tuple[str, ...]],
    people: int,
    pool: Sequence[str],
) -> SceneEntry:
    """Return an observation of a scene; its color and place vary."""
    thing, others = scene
    person = thing == "person"
    return SceneEntry(
        time=time,
        names=_unsure(rng, thing, pool),
        colour=rng.choice(COLORS) if rng.random() < 0.75 and not person else "",
        place=rng.choice([*PLACES, ""]),
        others=others,
        people=max(1, people) if person else people,
    )


def _apart(moments: Sequence[SceneEntry]) -> Iterator[SceneEntry]:
    """Yield `moments` without the candidate names that are certain elsewhere in the log."""
    sure = {name for m in moments for name in (m.names[0][0], *m.others)}
    for moment in moments:
        first, *rest = moment.names
        left = [(name, share) for name, share in rest if name not in sure]
        total = first[1] + sum(share for _, share in left)
        names = tuple((name, share / total) for name, share in (first, *left))
        yield replace(moment, names=names)


def _unsure(rng: random.Random, thing: str, pool: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return names with shares as from a classifier: often one, sometimes several."""
    rest = 0.0 if rng.random() < 0.4 else rng.uniform(0.0, 0.45)
    others = [name for name in rng.sample(pool, rng.choice([1, 2, 4])) if name != thing]
    if rest == 0.0 or thing not in NAMES or not others:
        return ((thing, 1.0),)
    raw = [rng.random() for _ in others]
    shares = [(name, rest * part / sum(raw)) for name, part in zip(others, raw, strict=True)]
    return ((thing, 1.0 - rest), *shares)
