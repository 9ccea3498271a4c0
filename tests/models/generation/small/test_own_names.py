"""Names of the user's own pictures in prompts."""

import pytest

from models.generation.own_look import OwnLook
from models.generation.small.prompts.notices import notices, refusal
from models.generation.small.prompts.own_names import own_name, replaced_kind
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.vocabulary import Vocabulary
from tests.models.generation.small.worlds import SHIPPED


def with_own(*names: str, ground: str = "") -> Vocabulary:
    looks = [OwnLook(name, b"") for name in names]
    grounds = [OwnLook(ground, b"", "background")] if ground else []
    return SHIPPED.with_own((*looks, *grounds))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mug", "mug"),
        ("My Mug!", "mug"),
        ("the Café sign", "cafe sign"),
        ("Anna's bike", "anna bike"),
        ("R2 D2", "r 2 d 2"),
        ("Kätzchen", "katzchen"),
        ("duck", "duck"),
    ],
)
def test_names_are_read_as_prompts_are(text: str, name: str) -> None:
    assert own_name(text, SHIPPED) == name
    reading = read_prompt(f"my {text} on grass", with_own(name))
    assert [thing.kind for thing in reading.things] == [name]
    assert reading.unknown == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a name of letters"),
        ("42", "expected a name of letters"),
        ("🦆", "expected a name of letters"),
        ("red", '"red" is a color in prompts'),
        ("small", "a size"),
        ("jumping", "a motion"),
        ("on", "a word of prompts"),
        ("the", "a word of prompts"),
        ("a" * 41, "may have 40 characters, this one has 41"),
        ("cup of hot tea with milk", "may have 5 words, this one has 6"),
    ],
)
def test_what_prompts_could_not_name_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        own_name(text, SHIPPED)


def test_own_things_and_backgrounds_are_drawn_as_known_ones_are() -> None:
    known = with_own("mug", "robot dog", ground="kitchen")
    reading = read_prompt("a small mug jumping and my robot dog in the kitchen", known)
    mug, dog = reading.things
    assert (mug.kind, mug.size, mug.motion) == ("mug", "small", "bounce")
    assert dog.kind == "robot dog"
    assert reading.background == reading.ground == "kitchen"
    assert reading.unknown == ()
    assert reading.caption == "a small mug bouncing and a robot dog on kitchen"
    assert reading.trained_caption == "a small bouncing and a"


def test_two_mugs_are_one_and_its_color_is_that_of_the_picture() -> None:
    told = notices((("two red mugs on grass", 1.0),), with_own("mug"))
    assert told == ("left out, because not known: red", "one mug is drawn, not several")
    red = read_prompt("a red car", with_own("car"))
    assert (red.things[0].color, [part.text for part in red.unknown]) == ("", ["red"])


def test_a_misspelt_own_name_is_near_and_without_pictures_it_is_unknown() -> None:
    prompt = (("a gizmoo on grass", 1.0),)
    assert "nearest known: gizmo" in refusal(prompt, with_own("gizmo"))
    assert "gizmo," in refusal((("a qwertz", 1.0),), with_own("gizmo"))
    assert refusal((("a gizmo on grass", 1.0),), with_own("gizmo")) == ""
    assert 'cannot draw "gizmo"' in refusal((("a gizmo on grass", 1.0),), SHIPPED)


def test_it_is_known_what_a_picture_takes_the_place_of() -> None:
    assert replaced_kind("duck", SHIPPED) == replaced_kind("mallard", SHIPPED) == "duck"
    assert replaced_kind("mug", SHIPPED) in ("", "cup")
    assert replaced_kind("gizmo", SHIPPED) == ""
    kinds = [thing.kind for thing in read_prompt("a mallard, a duck", with_own("mallard")).things]
    assert kinds == ["mallard", "duck"]
