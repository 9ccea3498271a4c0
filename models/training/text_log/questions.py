"""Questions about synthetic logs, with their answers: one function for each kind.

Answers come from the same search as at run time, so the model learns to answer from its prompt.
"""

from collections.abc import Callable

from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_making import SOMETHING
from models.training.text_log.order import ends, neighbor, which_first
from models.training.text_log.world import (
    KINDS,
    PLACES,
    UNKNOWN,
    QuestionAnswer,
    World,
    a,
    as_sentence,
    join_words,
    number_of,
)

UNNAMED = "I cannot tell what it is."


def _name(world: World) -> QuestionAnswer:
    ask = world.choose(
        "What is this?", "What do you see?", "What is in the picture?", "What is it?",
        "What can you see now?", "What is there?", "Name what you see.", "What is on the screen?",
        "What is in front of the camera?", "What do you see now?",
    )  # fmt: skip
    last, count = world.last, world.last.people
    things = [name for name in (last.names[0][0], *last.others) if name != "person"]
    if things == [SOMETHING] and not count:
        return QuestionAnswer("name", ask, UNNAMED)
    words = [a(name, last.colour if name == last.names[0][0] else "") for name in things]
    if last.names[0][0] == "person":
        words.insert(0, number_of(count))
    elif count:
        words.append(number_of(count))
    return QuestionAnswer("name", ask, as_sentence(join_words(words)))


def _held(world: World) -> QuestionAnswer:
    ask = world.choose(
        "What am I holding?", "What am I showing you?", "What do I have in my hand?",
        "What is this thing?", "What is this called?",
    )  # fmt: skip
    things = [world.last.names[0][0], *world.last.others]
    shown = [name for name in things if name not in ("person", SOMETHING)]
    if not shown:
        return QuestionAnswer("name", ask, UNNAMED)
    color = world.last.colour if shown[0] == things[0] else ""
    return QuestionAnswer("name", ask, as_sentence(a(shown[0], color)))


def _held_before(world: World) -> QuestionAnswer:
    ask = world.choose("What did I hold?", "What was I holding?", "What did I show you last?")
    for moment in reversed(world.moments):
        things = [name for name in (moment.names[0][0], *moment.others) if name in world.things]
        if things:
            return QuestionAnswer("name", ask, as_sentence(a(things[0])))
    return QuestionAnswer("name", ask, "Nothing that I can name.")


def _whether(world: World, word: str, ever: bool) -> QuestionAnswer:
    """Ask whether `word` is there, or ever was."""
    now = (
        f"Is there {a(word)}?", f"Is there {a(word)} in the picture?", f"Can you see {a(word)}?",
        f"Do you see {a(word)} now?", f"Is that {a(word)}?", f"Do you see {a(word)}?",
    )  # fmt: skip
    before = (
        f"Did you see {a(word)}?", f"Was there {a(word)}?", f"Have you seen my {word}?",
        f"Did I show you {a(word)}?", f"Has there been {a(word)}?", f"Did you see the {word}?",
    )  # fmt: skip
    ask = world.choose(*(before if ever else now))
    find = world.find(ask)
    if find is None or not find.known:
        return QuestionAnswer("unknown", ask, f"I would not recognise {a(word)}.")
    if not find.name:
        return QuestionAnswer("no", ask, f"No, I have not seen {a(word)}.")
    if find.now:
        return QuestionAnswer("yes", ask, f"Yes, there is {a(find.name)}.")
    if ever:
        return QuestionAnswer(
            "ever", ask, f"Yes, I saw {a(find.name)} at {format_time(find.last)}."
        )
    return QuestionAnswer(
        "earlier", ask, f"No, but I saw {a(find.name)} at {format_time(find.last)}."
    )


def _present(world: World) -> QuestionAnswer | None:
    names = [name for name in (world.last.names[0][0], *world.last.others) if name in world.things]
    if not names:
        return None
    return _whether(world, world.called(world.rng.choice(names)), world.rng.random() < 0.3)


def _ever(world: World) -> QuestionAnswer | None:
    if not world.things:
        return None
    return _whether(world, world.called(world.rng.choice(world.things)), world.rng.random() < 0.6)


def _absent(world: World) -> QuestionAnswer:
    return _whether(world, world.absent(), world.rng.random() < 0.4)


def _kind(world: World) -> QuestionAnswer:
    return _whether(world, world.rng.choice(KINDS), world.rng.random() < 0.4)


def _unknown(world: World) -> QuestionAnswer:
    word = world.rng.choice(UNKNOWN)
    if world.rng.random() < 0.5:
        return _whether(world, word, world.rng.random() < 0.5)
    return _supposed(world, word)


def _unseen(world: World) -> QuestionAnswer:
    return _supposed(world, world.absent())


def _supposed(world: World, word: str) -> QuestionAnswer:
    """Ask about `word` as if it had been seen; it was not."""
    ask = world.choose(
        f"When did you see the {word}?", f"When did you last see my {word}?",
        f"Where is the {word}?", f"Where was my {word}?", f"What colour is the {word}?",
        f"What came after the {word}?", f"What did I hold before the {word}?",
        f"Where did you see the {word}?", f"What colour was the {word}?",
    )  # fmt: skip
    find = world.find(ask)
    if find is None or not find.known:
        return QuestionAnswer("unknown", ask, f"I would not recognise {a(word)}.")
    return QuestionAnswer("not seen", ask, f"I have not seen {a(word)}.")


def _last_people(world: World, never: str, now: str, earlier: str) -> str:
    """Return the answer about the last people: how many, and when unless they are there now."""
    moment = next((each for each in reversed(world.moments) if each.people), None)
    if moment is None:
        return never
    form = now if moment is world.last else earlier
    return form.format(number_of(moment.people), format_time(moment.time))


def _anyone(world: World) -> QuestionAnswer:
    ask = world.choose(
        "Is there anyone?", "Is there anyone in the picture?", "Is anybody in the room?",
        "Is someone there?", "Is there anyone in the room?", "Can you see a person?",
        "Is there a person in the picture?", "Can you see anyone?", "Is there a man?",
        "Is there a woman in the picture?",
    )  # fmt: skip
    answer = _last_people(world, "No, I have seen nobody.", "Yes, {}.", "No, but I saw {} at {}.")
    return QuestionAnswer("anyone", ask, answer)


def _anyone_ever(world: World) -> QuestionAnswer:
    ask = world.choose(
        "Was there anyone?", "Did you see anyone?", "Has anyone been here?",
        "Did somebody come in?", "Did you see a person?", "Did you see the person?",
    )  # fmt: skip
    answer = _last_people(world, "No, I have seen nobody.", "Yes, I see {}.", "Yes, {} at {}.")
    return QuestionAnswer("anyone", ask, answer)


def _when_anyone(world: World) -> QuestionAnswer:
    ask = world.choose(
        "When did you last see a person?", "When did you last see the person?",
        "When did you last see anyone?", "When was somebody there?",
    )  # fmt: skip
    answer = _last_people(world, "I have seen nobody.", "I see {} now.", "I last saw {} at {}.")
    return QuestionAnswer("when", ask, answer)


def _how_many(world: World) -> QuestionAnswer:
    ask = world.choose(
        "How many people are there?", "How many people can you see?", "How many persons are there?",
        "How many of us are there?", "Count the people.", "How many people do you see now?",
    )  # fmt: skip
    return QuestionAnswer("count", ask, as_sentence(number_of(world.last.people)))


def _count_things(world: World) -> QuestionAnswer | None:
    name = world.last.names[0][0]
    if name in ("person", SOMETHING):
        return None
    ask = world.choose(f"How many {name}s are there?", f"How many {name}s can you see?")
    return QuestionAnswer("cannot", ask, f"I can only count people, but I see {a(name)}.")


def _color(world: World) -> QuestionAnswer | None:
    name = world.rng.choice(world.scenes)
    moment = world.main(name)
    if moment is None or name in ("person", SOMETHING):
        return None
    word = world.perhaps(moment)
    ask = world.choose(
        f"What colour is the {word}?", f"What colour was the {word}?",
        f"What is the colour of the {word}?", f"Which colour is my {word}?",
        f"What color is the {word}?",
    )  # fmt: skip
    if moment.colour:
        return QuestionAnswer("colour", ask, f"The {word} is {moment.colour}.")
    return QuestionAnswer("colour", ask, f"I could not tell the colour of the {word}.")


def _where(world: World) -> QuestionAnswer | None:
    name = world.rng.choice(world.scenes)
    moment = world.main(name)
    if moment is None or name in ("person", SOMETHING):
        return None
    word = world.perhaps(moment)
    ask = world.choose(
        f"Where is the {word}?", f"Where was the {word}?", f"Where did you see my {word}?",
        f"Where in the picture is the {word}?",
    )  # fmt: skip
    place = PLACES[moment.place] if moment.place else "All over the picture"
    return QuestionAnswer("where", ask, f"{place}, at {format_time(moment.time)}.")


def _when(world: World) -> QuestionAnswer | None:
    if not world.things:
        return None
    word = world.called(world.rng.choice(world.things))
    last = world.rng.random() < 0.6
    ask = world.choose(
        f"When did you last see my {word}?", f"When did you last see the {word}?",
    ) if last else world.choose(
        f"When did you see the {word}?", f"When was the {word} there?",
        f"At what time did I show the {word}?", f"When was {a(word)} there?",
    )  # fmt: skip
    find = world.find(ask)
    assert find is not None
    since, until = format_time(find.first), format_time(find.last)
    if find.now:
        more = "" if since == until else f", and since {since}"
        return QuestionAnswer("when", ask, f"I see the {word} now{more}.")
    if last or since == until:
        return QuestionAnswer("when", ask, f"I last saw the {word} at {until}.")
    return QuestionAnswer("when", ask, f"I saw the {word} from {since} to {until}.")


def _when_first(world: World) -> QuestionAnswer | None:
    if not world.things:
        return None
    word = world.called(world.rng.choice(world.things))
    ask = world.choose(
        f"When did you first see the {word}?", f"When did the {word} appear?",
        f"When did the {word} come into view?", f"When did {a(word)} appear?",
    )  # fmt: skip
    find = world.find(ask)
    assert find is not None
    return QuestionAnswer("when", ask, f"I first saw the {word} at {format_time(find.first)}.")


def _everything(world: World) -> QuestionAnswer:
    ask = world.choose(
        "What did you see?", "What have you seen so far?", "What did I show you?",
        "List what you saw.", "What happened?",
    )  # fmt: skip
    things = [a(name) for name in dict.fromkeys(world.scenes) if name != SOMETHING]
    if not things:
        return QuestionAnswer("list", ask, "Nothing that I can name.")
    return QuestionAnswer("list", ask, as_sentence(join_words(things)))


# The relative frequency of each kind.
QUESTION_WEIGHTS: dict[Callable[[World], QuestionAnswer | None], float] = {
    _name: 2.4,
    _held: 1.0,
    _held_before: 0.6,
    _present: 2.2,
    _ever: 1.8,
    _absent: 2.0,
    _unseen: 1.0,
    _unknown: 0.6,
    _kind: 1.0,
    _anyone: 1.5,
    _anyone_ever: 0.8,
    _when_anyone: 0.6,
    _how_many: 1.2,
    _count_things: 0.4,
    _color: 2.5,
    _where: 2.2,
    _when: 2.0,
    _when_first: 1.0,
    neighbor: 4.0,
    which_first: 2.0,
    ends: 0.8,
    _everything: 1.0,
}
