"""What prompts mean: tables of sentences, and what holds for any text."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generation.chunk_request import MAX_THINGS
from models.generation.prompt_encoder import MAX_WORDS
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.vocabulary import Vocabulary
from models.training.video.clips.captions import caption
from models.training.video.clips.captions import vocabulary as caption_words
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
from models.training.video.clips.paths import MOTIONS
from tests.models.generation.small.prompts import check_reading, prompt_of
from tests.models.generation.small.worlds import LARGER, SHIPPED, SMALL, unknown


@pytest.mark.parametrize(
    ("text", "caption", "left_out"),
    [
        ("a duck on grass", "a duck on grass", []),
        ("Please draw a CAR in front of a brick wall!", "a car on bricks", []),
        ("a duck and a football on grass", "a duck and a football on grass", []),
        ("a football on grass with a duck", "a football and a duck on grass", []),
        ("a zebra on wood, moving to the left", "a zebra moving left on wood", []),
        ("a bunny hopping in a meadow", "a rabbit bouncing on grass", []),
        ("two ducks on a lawn", "a duck on grass", []),
        ("a herd of cows", "a cow on a white wall", []),
        ("an owl, with stars behind it", "an owl on stars", []),
        (
            "the background is grass and a red car moves right",
            "a car moving right on grass",
            ["red"],
        ),
        ("an orange car", "a car on a white wall", ["orange"]),
        ("an orange and a car", "an orange and a car on a white wall", []),
        ("an orange tropical fish", "a fish on a white wall", ["orange"]),
        ("a shimmering duck on a jetty", "a duck on a white wall", ["shimmering", "jetty"]),
        ("a duck dancing on grass", "a duck on grass", ["dancing"]),
        ("a duck on sand", "a duck on a white wall", ["sand"]),
        ("a duck on a car", "a duck and a car on a white wall", []),
        ("a zebra and a horse on grass", "a zebra on grass", ["horse"]),
        ("a cat eats fish", "a fish on a white wall", ["cat", "eats"]),
        ("a duck, with a castle behind it", "a duck on a white wall", ["castle"]),
        ("the duck isn't moving", "a duck resting on a white wall", []),
        ("a duck that never moves", "a duck resting on a white wall", []),
        ("a duck without a car on grass", "a duck on grass", []),
        ("a duck, but not on grass", "a duck on a white wall", []),
        ("no cars, trees or people, just a duck on grass", "a duck on grass", []),
        ("a duck without trees and houses", "a duck on a white wall", []),
        ("no car and a duck", "a duck on a white wall", []),
        ("a duck instead of a cat", "a duck on a white wall", []),
        ("nothing but a duck", "a duck on a white wall", []),
        ("not only a duck but also a car", "a duck and a car on a white wall", []),
        ("a du\u00adck", "a duck on a white wall", []),
        ("a dozen ducks", "a duck on a white wall", []),
        ("neither a duck nor a cat", None, []),
        ("don't draw a duck", None, []),
        ("0 ducks", None, []),
        ("a big cat", "a tiger on a white wall", []),
        ("a toy car", "a car on a white wall", ["toy"]),
        ("duck, grass", "a duck on grass", []),
        ("an apple tree", None, ["apple tree"]),
        ("a duck pond", None, ["duck pond"]),
        ("a cat", None, ["cat"]),
        ("a black cat running on snow", None, ["cat", "snow"]),
        (
            "an astronaut riding a horse on the moon",
            None,
            ["astronaut", "horse", "moon"],
        ),
        ("a dragon flying over a castle", None, ["dragon", "castle"]),
        ("a person dancing", None, ["person"]),
        ("a pink wall", None, ["pink wall"]),
        ("grass", None, []),
        ("blue", None, ["blue"]),
        ("asdf qwerty", None, ["asdf qwerty"]),
        ("一只鸭子", None, ["一只鸭子"]),
        ("🦆", None, []),
        ("", None, []),
    ],
)
def test_a_model_draws_what_it_knows_and_nothing_else(
    text: str, caption: str | None, left_out: list[str]
) -> None:
    reading = read_prompt(text, SMALL)
    assert (reading.caption if reading.drawable else None) == caption
    assert unknown(reading) == left_out


@pytest.mark.parametrize(
    ("text", "caption", "left_out"),
    [
        ("a black cat running on snow", "a cat #fluent on snow", ["black"]),
        (
            "an astronaut riding a red horse on the moon",
            "an astronaut #fluent and a red horse #fluent on the moon",
            ["riding"],
        ),
        ("a tiny violet car", "a small purple car #fluent on a white wall", []),
        ("a red zebra", "a zebra #fluent on a white wall", ["red"]),
        ("an orange cat", "an orange cat #fluent on a white wall", []),
        ("a big cat", "a large cat #fluent on a white wall", []),
        ("two mice and a hen", "a mouse #fluent and a rooster #fluent on a white wall", []),
        ("a star on the night sky", "a star #fluent on stars", []),
        ("a teddy on autumn leaves", "a teddy bear #fluent on autumn leaves", []),
    ],
)
def test_a_larger_world_is_read_by_the_same_rules(
    text: str, caption: str, left_out: list[str]
) -> None:
    reading = read_prompt(text, LARGER)
    assert reading.caption == caption
    assert unknown(reading) == left_out


@pytest.mark.parametrize(
    ("text", "motions"),
    [
        ("a duck moving left", ("left",)),
        ("a duck that drifts to the right and a car going up", ("right", "up")),
        ("show me a car, circling, on grass", ("circle",)),
        ("A hot air balloon rising next to a bouncing duck", ("up", "bounce")),
        ("a duck hopping up and down", ("bounce",)),
        ("a duck and a car on grass, moving in a circle", ("circle", "circle")),
        ("a rising duck and a car moving left", ("up", "left")),
        ("a duck on grass and a car moving left", ("", "left")),
        ("a cow beside a pig on a lawn, standing still", ("still", "still")),
        ("a duck running to the left", ("left",)),
        ("a duck", ("",)),
        ("a duck wandering around with a fish", ("free", "")),
        ("slowly falling car", ("down",)),
        ("to the left, a duck", ("left",)),
        ("a running cat and a duck", ("",)),
    ],
)
def test_motion_words_belong_to_the_thing_beside_them(text: str, motions: tuple[str, ...]) -> None:
    assert tuple(thing.motion for thing in read_prompt(text, SMALL).things) == motions


def test_a_third_thing_is_surplus_and_a_thing_twice_is_one() -> None:
    reading = read_prompt("a duck, a car, a duck and a balloon", SMALL)
    assert [thing.kind for thing in reading.things] == ["duck", "car"]
    assert reading.things[0].several
    assert reading.surplus == ("balloon",)


def test_an_unknown_part_has_what_is_near_as_far_as_that_is_sought() -> None:
    (cat, snow) = read_prompt("a cat on snow", SMALL).unknown
    assert (cat.kind, cat.nearest[0]) == ("thing", "tiger")
    assert (snow.kind, snow.nearest[0]) == ("background", "a white wall")
    many = read_prompt(
        ", ".join(f"a zebra{letter}" for letter in string.ascii_lowercase[:9]), SMALL
    )
    assert len(many.unknown) == 9
    assert [bool(part.nearest) for part in many.unknown[:5]] == [True] * 4 + [False]


@pytest.mark.parametrize("seed", range(60))
def test_every_caption_of_the_training_is_read_as_it_was_meant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = [str(kind) for kind in rng.choice(list(KINDS), 1 + seed % 2, replace=False)]
    motions = [str(motion) for motion in rng.choice(MOTIONS, len(kinds))]
    background = str(rng.choice(list(BACKGROUNDS)))
    sizes = [str(size) for size in rng.choice(["", *SHIPPED.sizes], len(kinds))]
    colors = [
        str(rng.choice(["", *SHIPPED.colors])) if kind in (SHIPPED.colored or ()) else ""
        for kind in kinds
    ]
    text = caption(rng, kinds, motions, background, sizes, colors)
    reading = read_prompt(text, SHIPPED)
    assert [thing.kind for thing in reading.things] == kinds, text
    assert [thing.size for thing in reading.things] == sizes, text
    assert [thing.color for thing in reading.things] == colors, text
    assert reading.background == BACKGROUNDS[background].names[0], text
    assert reading.unknown == (), text
    assert {thing.motion for thing in reading.things} <= {"", *motions}, text


def test_what_is_drawn_is_said_in_words_that_the_encoder_knows() -> None:
    words = set(caption_words())
    for kind in SHIPPED.kinds:
        for ground in SHIPPED.grounds:
            for motion in ("", "left", "right", "up", "down", "circle", "bounce", "wave", "still"):
                said = read_prompt(f"a {kind} {motion} on {ground}", SHIPPED).caption
                assert set(said.split()) <= words, said


@given(st.data(), st.sampled_from([SMALL, SHIPPED, LARGER]))
def test_any_prompt_is_read_and_what_is_drawn_is_known(
    data: st.DataObject, vocabulary: Vocabulary
) -> None:
    check_reading(prompt_of(lambda count: data.draw(st.integers(0, count - 1))), vocabulary)


@given(st.data(), st.sampled_from(["no", "without a", "not a", "but neither a car nor a"]))
def test_what_a_prompt_says_is_not_there_changes_nothing(data: st.DataObject, word: str) -> None:
    text = prompt_of(lambda count: data.draw(st.integers(0, count - 1)))
    plain = read_prompt(text, SMALL)
    without = read_prompt(f"{text}, {word} {data.draw(st.sampled_from(SMALL.kinds))}", SMALL)
    assert (without.caption, without.unknown) == (plain.caption, plain.unknown)


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    check_reading(text, SMALL)


def test_the_longest_caption_fits_the_encoder() -> None:
    longest = 0
    for one in LARGER.kinds:
        text = f"a small red {one} moving left and a large blue horse swaying on a stormy sky"
        longest = max(longest, len(read_prompt(text, LARGER).caption.split()))
    assert longest <= MAX_WORDS
    assert MAX_THINGS == 2
