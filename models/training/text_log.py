"""Made-up logs of what a camera saw, with questions and answers: no pictures are needed.

The pseudo-words that the connector makes are words, so a language model learns from text alone
how to answer about a stream: what, when, where, in which order, who, and "not seen". Every log
is a function of its number; names that `held_out` picks never appear in training logs.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.qa.classes import NAMES
from models.qa.moments import COUNTS, MANY, Moment, clock

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
)  # fmt: skip
PLACES = {"left": "On the left", "right": "On the right", "middle": "In the middle"}
COMMON = (
    "cup", "bottle", "book", "phone", "chair", "table", "dog", "cat", "ball", "apple", "banana",
    "orange", "hat", "shoe", "pen", "laptop", "keyboard", "box", "bowl", "plate", "spoon", "knife",
    "clock", "lamp", "sofa", "bed", "bag", "umbrella", "car", "bicycle", "bus", "flower", "plant",
    "tree", "bird", "fish", "horse", "cow", "sheep", "scissors", "pencil", "key", "glasses", "toy",
    "door", "window", "house", "street", "mountain", "lake", "beach", "picture", "letter", "coat",
    "guitar", "camera", "person",
)  # fmt: skip
KINDS = {
    "animal": "dog,cat,horse,cow,sheep,bird,fish,monkey,lion,tiger,bear,elephant,fox,wolf,rabbit",
    "fruit": "apple,banana,orange,lemon,strawberry,pineapple,fig,pomegranate",
    "vehicle": "car,bus,truck,bicycle,motorcycle,train,tram,taxi,van",
    "piece of furniture": "chair,table,sofa,bed,desk,bench,bookcase",
    "musical instrument": "guitar,piano,violin,drum,flute,trombone,accordion,harp",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `kind` says what it tests."""

    kind: str
    ask: str
    answer: str


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
    world = _World(rng, moments, pool)
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
        thing = _thing(rng, pool)
        if found and rng.random() < 0.2:
            thing = rng.choice(found).names[0][0]
        scene = {
            "colour": rng.choice(COLOURS) if rng.random() < 0.75 else "",
            "place": rng.choice([*PLACES, ""]),
            "others": tuple(_thing(rng, pool) for _ in range(rng.choice([0, 0, 0, 1, 1, 2]))),
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


def _thing(rng: random.Random, pool: Sequence[str]) -> str:
    return rng.choice(COMMON) if rng.random() < 0.35 else rng.choice(pool)


def _unsure(rng: random.Random, thing: str, pool: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return names as a classifier gives them: often sure, sometimes torn between some."""
    rest = 0.0 if rng.random() < 0.4 else rng.uniform(0.0, 0.45)
    others = [name for name in rng.sample(pool, rng.choice([1, 2, 4])) if name != thing]
    if rest == 0.0 or thing == "person" or not others:
        return ((thing, 1.0),)
    raw = [rng.random() for _ in others]
    shares = [(name, rest * part / sum(raw)) for name, part in zip(others, raw, strict=True)]
    return ((thing, 1.0 - rest), *shares)


class _World:
    """What a log shows, as an answerer needs it."""

    def __init__(self, rng: random.Random, moments: Sequence[Moment], pool: Sequence[str]) -> None:
        self.rng = rng
        self.moments = moments
        self.last = moments[-1]
        self.seen: dict[str, list[Moment]] = {}
        for moment in moments:
            for name in dict.fromkeys([moment.names[0][0], *moment.others]):
                self.seen.setdefault(name, []).append(moment)
        self.scenes: list[str] = []  # main things, without repeats in a row
        for moment in moments:
            if not self.scenes or self.scenes[-1] != moment.names[0][0]:
                self.scenes.append(moment.names[0][0])
        self._pool = pool

    @property
    def once(self) -> list[str]:
        """Main things of exactly one scene."""
        return [name for name in self.scenes if self.scenes.count(name) == 1]

    def main(self, name: str) -> Moment:
        """Return the last moment whose main thing is `name`."""
        return next(m for m in reversed(self.moments) if m.names[0][0] == name)

    def absent(self) -> str:
        while True:
            name = _thing(self.rng, self._pool)
            near = {other for m in self.moments for other, _ in m.names} | self.seen.keys()
            if name not in near and name != "person":
                return name

    def any_seen(self) -> str:
        return self.rng.choice([name for name in self.seen if name != "person"] or ["person"])

    def say(self, *forms: str) -> str:
        return self.rng.choice(forms)


def a(name: str, colour: str = "") -> str:
    """Return `name` with its colour and an article."""
    words = f"{colour} {name}".strip()
    plural = name.endswith("s") and not name.endswith(("ss", "us", "bus"))
    if plural:
        return words
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _number(count: int) -> str:
    return COUNTS[count] if count < len(COUNTS) else MANY


def _name(world: _World) -> Turn:
    ask = world.say(
        "What is this?", "What do you see?", "What is in the picture?", "What is it?",
        "What can you see now?", "What is there?", "Name what you see.", "What is on the screen?",
    )  # fmt: skip
    thing, count = world.last.names[0][0], world.last.people
    words = a(thing, world.last.colour)
    if thing == "person":
        words = _number(count)
    elif count:
        words += f", and {_number(count)}"
    return Turn("name", ask, _capital(words))


def _held(world: _World) -> Turn:
    ask = world.say(
        "What am I holding?", "What am I showing you?", "What do I have in my hand?",
        "What is this thing?", "What is this called?",
    )  # fmt: skip
    things = [world.last.names[0][0], *world.last.others]
    shown = [name for name in things if name != "person"]
    if not shown:
        return Turn("name", ask, "I cannot tell what it is.")
    colour = world.last.colour if shown[0] == things[0] else ""
    return Turn("name", ask, _capital(a(shown[0], colour)))


def _present(world: _World) -> Turn:
    name = world.say(world.last.names[0][0], world.any_seen())
    if name == "person":
        return _anyone(world)
    ask = world.say(
        f"Is there {a(name)}?", f"Is there {a(name)} in the picture?", f"Can you see {a(name)}?",
        f"Do you see {a(name)} now?", f"Is that {a(name)}?",
    )  # fmt: skip
    moment = world.seen[name][-1]
    if name in (world.last.names[0][0], *world.last.others):
        return Turn("yes", ask, f"Yes, there is {a(name)}.")
    return Turn("earlier", ask, f"No, but I saw {a(name)} at {clock(moment.time)}.")


def _ever(world: _World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"Did you see {a(name)}?", f"Was there {a(name)}?", f"Have you seen my {name}?",
        f"Did I show you {a(name)}?", f"Has there been {a(name)}?",
    )  # fmt: skip
    return Turn("ever", ask, f"Yes, I saw {a(name)} at {clock(world.seen[name][-1].time)}.")


def _absent(world: _World) -> Turn:
    name = world.absent()
    ask = world.say(
        f"Is there {a(name)}?", f"Is there {a(name)} in the picture?", f"Can you see {a(name)}?",
        f"Did you see {a(name)}?", f"Was there {a(name)}?", f"Have you seen my {name}?",
        f"Did I show you {a(name)}?", f"Do you see {a(name)} now?", f"Is that {a(name)}?",
    )  # fmt: skip
    return Turn("no", ask, f"No, I have not seen {a(name)}.")


def _unseen(world: _World) -> Turn:
    name = world.absent()
    ask = world.say(
        f"When did you see the {name}?", f"When did you last see my {name}?",
        f"Where is the {name}?", f"Where was my {name}?", f"What colour is the {name}?",
        f"What came after the {name}?", f"What did I hold before the {name}?",
        f"Where did you see the {name}?", f"What colour was the {name}?",
    )  # fmt: skip
    return Turn("not seen", ask, f"I have not seen {a(name)}.")


def _kind(world: _World) -> Turn:
    kind = world.rng.choice(list(KINDS))
    members = KINDS[kind].split(",")
    ask = world.say(f"Is there {a(kind)}?", f"Did you see {a(kind)}?", f"Was there {a(kind)}?")
    found = [name for name in world.seen if name in members]
    if found:
        moment = world.seen[found[-1]][-1]
        return Turn("kind", ask, f"Yes, I saw {a(found[-1])} at {clock(moment.time)}.")
    return Turn("kind", ask, f"No, I have not seen {a(kind)}.")


def _anyone(world: _World) -> Turn:
    ask = world.say(
        "Is there anyone?", "Is there anyone in the picture?", "Is anybody in the room?",
        "Is someone there?", "Is there anyone in the room?", "Can you see a person?",
        "Is there a person in the picture?", "Can you see anyone?",
    )  # fmt: skip
    count = world.last.people
    answer = f"Yes, {_number(count)}." if count else "No, nobody."
    return Turn("anyone", ask, answer)


def _anyone_ever(world: _World) -> Turn:
    ask = world.say(
        "Was there anyone?", "Did you see anyone?", "Has anyone been here?",
        "When did you last see a person?", "Did somebody come in?",
    )  # fmt: skip
    met = [moment for moment in world.moments if moment.people]
    if not met:
        return Turn("anyone", ask, "No, I have seen nobody.")
    return Turn("anyone", ask, f"Yes, {_number(met[-1].people)} at {clock(met[-1].time)}.")


def _how_many(world: _World) -> Turn:
    ask = world.say(
        "How many people are there?", "How many people can you see?", "How many persons are there?",
        "How many of us are there?", "Count the people.",
    )  # fmt: skip
    return Turn("count", ask, _capital(_number(world.last.people)))


def _count_things(world: _World) -> Turn:
    name = world.last.names[0][0]
    if name == "person":
        return _how_many(world)
    ask = world.say(f"How many {name}s are there?", f"How many {name}s can you see?")
    return Turn("cannot", ask, f"I can only count people, but I see {a(name)}.")


def _colour(world: _World) -> Turn | None:
    name = world.rng.choice(world.scenes)
    moment = world.main(name)
    if name == "person":
        return None
    ask = world.say(
        f"What colour is the {name}?", f"What colour was the {name}?",
        f"What is the colour of the {name}?", f"Which colour is my {name}?",
        f"What color is the {name}?",
    )  # fmt: skip
    if moment.colour:
        return Turn("colour", ask, f"The {name} is {moment.colour}.")
    return Turn("colour", ask, f"I could not tell the colour of the {name}.")


def _where(world: _World) -> Turn:
    name = world.rng.choice(world.scenes)
    moment = world.main(name)
    ask = world.say(
        f"Where is the {name}?", f"Where was the {name}?", f"Where did you see my {name}?",
        f"Where in the picture is the {name}?",
    )  # fmt: skip
    if moment.place:
        return Turn("where", ask, f"{PLACES[moment.place]}, at {clock(moment.time)}.")
    return Turn("where", ask, f"All over the picture, at {clock(moment.time)}.")


def _when(world: _World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"When did you see the {name}?", f"When did you last see my {name}?",
        f"When did you last see the {name}?", f"When was the {name} there?",
        f"At what time did I show the {name}?",
    )  # fmt: skip
    return Turn("when", ask, f"I last saw the {name} at {clock(world.seen[name][-1].time)}.")


def _when_first(world: _World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"When did you first see the {name}?", f"When did the {name} appear?",
        f"When did the {name} come into view?",
    )  # fmt: skip
    return Turn("when", ask, f"I first saw the {name} at {clock(world.seen[name][0].time)}.")


def _neighbour(world: _World) -> Turn | None:
    index = world.rng.randrange(len(world.scenes))
    name = world.scenes[index]
    if len(world.scenes) < 2 or name not in world.once:
        return None
    before = world.rng.random() < 0.5
    word = "before" if before else "after"
    ask = world.say(
        f"What did I hold {word} the {name}?", f"What came {word} the {name}?",
        f"What did I show {word} the {name}?", f"What did you see {word} the {name}?",
    )  # fmt: skip
    other = index - 1 if before else index + 1
    if 0 <= other < len(world.scenes):
        thing = world.scenes[other]
        return Turn("order", ask, _capital(a(thing)))
    return Turn("order", ask, f"Nothing {word} the {name}.")


def _which_first(world: _World) -> Turn | None:
    if len(world.once) < 2:
        return None
    one, two = world.rng.sample(world.once, 2)
    first = min(one, two, key=world.scenes.index)
    last = two if first == one else one
    if world.rng.random() < 0.6:
        ask = world.say(
            f"What came first, the {one} or the {two}?",
            f"Which did you see first, the {one} or the {two}?",
        )
        return Turn("order", ask, f"The {first} came first.")
    ask = world.say(
        f"What came last, the {one} or the {two}?",
        f"Which did you see later, the {one} or the {two}?",
    )
    return Turn("order", ask, f"The {last} came last.")


def _ends(world: _World) -> Turn:
    if world.rng.random() < 0.5:
        ask = world.say("What did you see first?", "What was the first thing?")
        return Turn("order", ask, _capital(a(world.scenes[0])))
    ask = world.say("What did you see last?", "What was the last thing?")
    return Turn("order", ask, _capital(a(world.scenes[-1])))


def _everything(world: _World) -> Turn:
    ask = world.say(
        "What did you see?", "What have you seen so far?", "What did I show you?",
        "List what you saw.", "What happened?",
    )  # fmt: skip
    things = [a(name) for name in dict.fromkeys(world.scenes)]
    text = things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
    return Turn("list", ask, _capital(text))


# How a turn is made, and how often it is tried.
ASKED: dict[Callable[[_World], Turn | None], float] = {
    _name: 2.2,
    _held: 1.2,
    _present: 3.0,
    _ever: 1.5,
    _absent: 4.0,
    _unseen: 1.5,
    _kind: 1.0,
    _anyone: 1.5,
    _anyone_ever: 0.8,
    _how_many: 1.2,
    _count_things: 0.4,
    _colour: 2.5,
    _where: 1.8,
    _when: 2.0,
    _when_first: 0.8,
    _neighbour: 2.5,
    _which_first: 1.5,
    _ends: 0.6,
    _everything: 1.0,
}
