"""Prompts of any kind, and what holds for the reading of each; the fuzzer uses them, too."""

from collections.abc import Callable

from models.generation.chunk_request import MAX_THINGS
from models.generation.prompt_encoder import MAX_WORDS
from models.generation.small.prompts.notices import notices, refusal
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import CAPTION_MOTIONS
from models.generation.small.prompts.vocabulary import Vocabulary
from models.generation.small.prompts.word_tables import FILLERS, PLACES, PLACING, THINGS

COMMON = (
    "a, an, the, two, on, in, and, with, next to, behind it, duck, ducks, cat, Horse, car, CARS, "
    "orange, grass, snow, stars, moon, big cat, white owl, hot air balloon, moving left, running, "
    "up and down, slowly, small, red, black, shimmering, wobbling, xyzzy, duk, elefant, pond, "
    "riding, that, ',', '.', isn't, no, not a, without, or, but, 3, 一只鸭子, 🦆, é, -, un, la, ein"
)
PIECES = [*COMMON.split(", ")]
PIECES += [line.split(", ")[0] for lines in (*THINGS.values(), *PLACES.values()) for line in lines]
PIECES += [*FILLERS.split(", "), *PLACING.split(", ")]


def prompt_of(choose: Callable[[int], int]) -> str:
    """Return a prompt of up to 16 pieces; `choose(count)` returns a number below `count`."""
    return " ".join(PIECES[choose(len(PIECES))] for _ in range(choose(17)))


def check_reading(text: str, vocabulary: Vocabulary) -> None:
    """Check what holds for any `text`.

    Raises:
        AssertionError: something does not.
    """
    reading = read_prompt(text, vocabulary)
    assert len(reading.things) <= MAX_THINGS
    assert {thing.kind for thing in reading.things} <= set(vocabulary.kinds)
    assert len({thing.kind for thing in reading.things}) == len(reading.things)
    assert reading.background in ("", *vocabulary.grounds)
    assert all(part.text.strip() for part in reading.unknown)
    assert all(thing.color in ("", *vocabulary.colors) for thing in reading.things)
    assert all(thing.motion in ("", "free", *CAPTION_MOTIONS) for thing in reading.things)
    refused = refusal(((text, 1.0),), vocabulary)
    assert bool(refused) == (not reading.drawable)
    again = read_prompt(f"  {text.upper()} !", vocabulary)
    if text.upper().lower() == text.lower():  # not so for ß, for example
        assert (again.things, again.background) == (reading.things, reading.background)
    if reading.drawable:
        said = notices(((text, 1.0),), vocabulary)
        lost = {part.text for part in reading.unknown} | set(reading.surplus)
        assert all(any(word in notice for notice in said) for word in sorted(lost)[:1])
        same = read_prompt(reading.caption.replace(vocabulary.mark or "\0", ""), vocabulary)
        # not motions: in "a cow and a duck moving left" both move
        assert [(thing.kind, thing.size, thing.color) for thing in same.things] == [
            (thing.kind, thing.size, thing.color) for thing in reading.things
        ]
        assert same.background == (reading.background or reading.default_background)
        assert same.unknown == ()
        assert len(reading.caption.split()) <= MAX_WORDS
