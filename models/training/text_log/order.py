"""Questions about the order of things in synthetic logs, with their answers."""

from models.assistant.scene.scene_making import SOMETHING
from models.training.text_log.world import QuestionAnswer, World, a, as_sentence


def neighbor(world: World) -> QuestionAnswer | None:
    """Ask for the thing just before or after another."""
    names = world.once + ["person"] * (world.scenes.count("person") == 1)
    if len(world.scenes) < 2 or not names:
        return None
    name = world.rng.choice(names)
    index = world.scenes.index(name)
    before = world.rng.random() < 0.5
    word = "before" if before else "after"
    thing = world.called(name)
    ask = world.choose(
        f"What did I hold {word} the {thing}?", f"What came {word} the {thing}?",
        f"What did I show {word} the {thing}?", f"What did you see {word} the {thing}?",
    )  # fmt: skip
    other = index - 1 if before else index + 1
    if not 0 <= other < len(world.scenes):
        return QuestionAnswer("order", ask, f"Nothing {word} the {thing}.")
    found = world.scenes[other]
    if found == SOMETHING:
        return QuestionAnswer("order", ask, "Something that I cannot name.")
    return QuestionAnswer("order", ask, as_sentence(a(found)))


def which_first(world: World) -> QuestionAnswer | None:
    """Ask which of two things came first, or last."""
    if len(world.once) < 2:
        return None
    one, two = world.rng.sample(world.once, 2)
    first = min(one, two, key=world.scenes.index)
    last = two if first == one else one
    if world.rng.random() < 0.6:
        ask = world.choose(
            f"What came first, the {one} or the {two}?",
            f"Which did you see first, the {one} or the {two}?",
        )
        return QuestionAnswer("order", ask, f"The {first} came first.")
    ask = world.choose(
        f"What came last, the {one} or the {two}?",
        f"Which did you see later, the {one} or the {two}?",
    )
    return QuestionAnswer("order", ask, f"The {last} came last.")


def ends(world: World) -> QuestionAnswer | None:
    """Ask for the first or the last thing of all."""
    scenes = [name for name in world.scenes if name != SOMETHING]
    if not scenes:
        return None
    if world.rng.random() < 0.5:
        ask = world.choose("What did you see first?", "What was the first thing?")
        return QuestionAnswer("order", ask, as_sentence(a(scenes[0])))
    ask = world.choose("What did you see last?", "What was the last thing?")
    return QuestionAnswer("order", ask, as_sentence(a(scenes[-1])))
