"""Questions about made-up logs, with their answers: one maker for each kind."""

from collections.abc import Callable

from models.qa.moments import clock
from models.training.text_log_world import KINDS, PLACES, Turn, World, a, capital, number_of


def _name(world: World) -> Turn:
    ask = world.say(
        "What is this?", "What do you see?", "What is in the picture?", "What is it?",
        "What can you see now?", "What is there?", "Name what you see.", "What is on the screen?",
    )  # fmt: skip
    thing, count = world.last.names[0][0], world.last.people
    words = a(thing, world.last.colour)
    if thing == "person":
        words = number_of(count)
    elif count:
        words += f", and {number_of(count)}"
    return Turn("name", ask, capital(words))


def _held(world: World) -> Turn:
    ask = world.say(
        "What am I holding?", "What am I showing you?", "What do I have in my hand?",
        "What is this thing?", "What is this called?",
    )  # fmt: skip
    things = [world.last.names[0][0], *world.last.others]
    shown = [name for name in things if name != "person"]
    if not shown:
        return Turn("name", ask, "I cannot tell what it is.")
    colour = world.last.colour if shown[0] == things[0] else ""
    return Turn("name", ask, capital(a(shown[0], colour)))


def _present(world: World) -> Turn:
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


def _ever(world: World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"Did you see {a(name)}?", f"Was there {a(name)}?", f"Have you seen my {name}?",
        f"Did I show you {a(name)}?", f"Has there been {a(name)}?",
    )  # fmt: skip
    return Turn("ever", ask, f"Yes, I saw {a(name)} at {clock(world.seen[name][-1].time)}.")


def _absent(world: World) -> Turn:
    name = world.absent()
    ask = world.say(
        f"Is there {a(name)}?", f"Is there {a(name)} in the picture?", f"Can you see {a(name)}?",
        f"Did you see {a(name)}?", f"Was there {a(name)}?", f"Have you seen my {name}?",
        f"Did I show you {a(name)}?", f"Do you see {a(name)} now?", f"Is that {a(name)}?",
    )  # fmt: skip
    return Turn("no", ask, f"No, I have not seen {a(name)}.")


def _unseen(world: World) -> Turn:
    name = world.absent()
    ask = world.say(
        f"When did you see the {name}?", f"When did you last see my {name}?",
        f"Where is the {name}?", f"Where was my {name}?", f"What colour is the {name}?",
        f"What came after the {name}?", f"What did I hold before the {name}?",
        f"Where did you see the {name}?", f"What colour was the {name}?",
    )  # fmt: skip
    return Turn("not seen", ask, f"I have not seen {a(name)}.")


def _kind(world: World) -> Turn:
    kind = world.rng.choice(list(KINDS))
    members = KINDS[kind].split(",")
    ask = world.say(f"Is there {a(kind)}?", f"Did you see {a(kind)}?", f"Was there {a(kind)}?")
    found = [name for name in world.seen if name in members]
    if found:
        moment = world.seen[found[-1]][-1]
        return Turn("kind", ask, f"Yes, I saw {a(found[-1])} at {clock(moment.time)}.")
    return Turn("kind", ask, f"No, I have not seen {a(kind)}.")


def _anyone(world: World) -> Turn:
    ask = world.say(
        "Is there anyone?", "Is there anyone in the picture?", "Is anybody in the room?",
        "Is someone there?", "Is there anyone in the room?", "Can you see a person?",
        "Is there a person in the picture?", "Can you see anyone?",
    )  # fmt: skip
    count = world.last.people
    answer = f"Yes, {number_of(count)}." if count else "No, nobody."
    return Turn("anyone", ask, answer)


def _anyone_ever(world: World) -> Turn:
    ask = world.say(
        "Was there anyone?", "Did you see anyone?", "Has anyone been here?",
        "When did you last see a person?", "Did somebody come in?",
    )  # fmt: skip
    met = [moment for moment in world.moments if moment.people]
    if not met:
        return Turn("anyone", ask, "No, I have seen nobody.")
    return Turn("anyone", ask, f"Yes, {number_of(met[-1].people)} at {clock(met[-1].time)}.")


def _how_many(world: World) -> Turn:
    ask = world.say(
        "How many people are there?", "How many people can you see?", "How many persons are there?",
        "How many of us are there?", "Count the people.",
    )  # fmt: skip
    return Turn("count", ask, capital(number_of(world.last.people)))


def _count_things(world: World) -> Turn:
    name = world.last.names[0][0]
    if name == "person":
        return _how_many(world)
    ask = world.say(f"How many {name}s are there?", f"How many {name}s can you see?")
    return Turn("cannot", ask, f"I can only count people, but I see {a(name)}.")


def _colour(world: World) -> Turn | None:
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


def _where(world: World) -> Turn:
    name = world.rng.choice(world.scenes)
    moment = world.main(name)
    ask = world.say(
        f"Where is the {name}?", f"Where was the {name}?", f"Where did you see my {name}?",
        f"Where in the picture is the {name}?",
    )  # fmt: skip
    if moment.place:
        return Turn("where", ask, f"{PLACES[moment.place]}, at {clock(moment.time)}.")
    return Turn("where", ask, f"All over the picture, at {clock(moment.time)}.")


def _when(world: World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"When did you see the {name}?", f"When did you last see my {name}?",
        f"When did you last see the {name}?", f"When was the {name} there?",
        f"At what time did I show the {name}?",
    )  # fmt: skip
    return Turn("when", ask, f"I last saw the {name} at {clock(world.seen[name][-1].time)}.")


def _when_first(world: World) -> Turn:
    name = world.any_seen()
    ask = world.say(
        f"When did you first see the {name}?", f"When did the {name} appear?",
        f"When did the {name} come into view?",
    )  # fmt: skip
    return Turn("when", ask, f"I first saw the {name} at {clock(world.seen[name][0].time)}.")


def _neighbour(world: World) -> Turn | None:
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
        return Turn("order", ask, capital(a(thing)))
    return Turn("order", ask, f"Nothing {word} the {name}.")


def _which_first(world: World) -> Turn | None:
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


def _ends(world: World) -> Turn:
    if world.rng.random() < 0.5:
        ask = world.say("What did you see first?", "What was the first thing?")
        return Turn("order", ask, capital(a(world.scenes[0])))
    ask = world.say("What did you see last?", "What was the last thing?")
    return Turn("order", ask, capital(a(world.scenes[-1])))


def _everything(world: World) -> Turn:
    ask = world.say(
        "What did you see?", "What have you seen so far?", "What did I show you?",
        "List what you saw.", "What happened?",
    )  # fmt: skip
    things = [a(name) for name in dict.fromkeys(world.scenes)]
    text = things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
    return Turn("list", ask, capital(text))


# How a turn is made, and how often it is tried.
ASKED: dict[Callable[[World], Turn | None], float] = {
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
