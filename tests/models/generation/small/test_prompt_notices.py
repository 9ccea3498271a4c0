import pytest

from models.generation.chunk_request import WeightedPrompts
from models.generation.small.prompts.notices import foreign_language, notices, refusal
from tests.models.generation.small.worlds import LARGER, SMALL


def one(text: str) -> WeightedPrompts:
    return ((text, 1.0),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a cat", 'cannot draw "cat"; nearest known: tiger'),
        ("a black cat running on snow", 'nor the background "snow"; nearest known: a white wall'),
        ("an astronaut riding a horse", 'cannot draw "astronaut" or "horse"; nearest known: zebra'),
        ("a person", "it can draw apple, orange, strawberry"),
        ("grass", "names no thing to draw: expected one of apple, orange"),
        ("grass without ducks", 'says what is not to be drawn ("ducks") and no thing that is'),
        ("un chat sur la neige", "seems to be French: the model reads English, as in"),
        ("eine Ente im Gras", "seems to be German"),
        ("un gato en la luna", "seems to be Spanish"),
        ("x" * 900, "cannot draw"),
    ],
)
def test_a_prompt_without_known_things_is_refused_with_what_is_near(text: str, reason: str) -> None:
    said = refusal(one(text), SMALL)
    assert reason in said
    assert len(said) < 300


def test_a_blend_is_refused_for_either_text_that_has_a_weight() -> None:
    blend = (("a duck", 0.5), ("a cat", 0.5))
    assert '"cat"' in refusal(blend, SMALL)
    assert refusal((("a duck", 1.0), ("a cat", 0.0)), SMALL) == ""
    assert refusal(blend, LARGER) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a duck on grass", ()),
        ("a duck", ("no background is named: it is a white wall",)),
        ("two ducks on grass", ("one duck is drawn, not several",)),
        ("a small red duck on grass", ("left out, because not known: small and red",)),
        ("a duck moving left on grass", ("the motion was read from the words: left",)),
        ("a duck running on grass", ()),
        (
            "a duck on sand",
            (
                'the background "sand" is not known: it is a white wall; '
                "nearest known: gravel, grass or a green leaf",
            ),
        ),
        (
            "a duck and a horse on grass",
            ('"horse" is left out: the model cannot draw it; nearest known: zebra, tiger or cow',),
        ),
        (
            "a duck, a car and a pig on grass",
            ("2 things are drawn at most: pig is left out",),
        ),
        ("a duck on grass and a beach", ('the background "beach" is left out',)),
    ],
)
def test_what_is_left_out_of_a_drawable_prompt_is_said(text: str, said: tuple[str, ...]) -> None:
    assert refusal(one(text), SMALL) == ""
    found = notices(one(text), SMALL)
    assert len(found) == len(said)
    assert all(full.startswith(start) for full, start in zip(found, said, strict=True))


def test_english_is_not_taken_for_another_language() -> None:
    for text in ("a duck on grass", "the con man", "a la carte menu on the table", "", "🦆"):
        assert foreign_language(text) == ""
