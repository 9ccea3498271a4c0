"""Pictures of the user's own are drawn as shipped looks are, and nothing of them is shared."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from models.generation.calls import run_alone
from models.generation.chunk_request import ChunkRequest
from models.generation.looks import ChunkLooks
from models.generation.own_look import OwnLook, OwnLooks
from models.generation.small.looks.encoder import LookEncoder, LookState
from models.generation.small.looks.planning import PlannedPrompt, PromptPlanner
from models.generation.small.prompts.vocabulary import Vocabulary
from tests.models.generation import tiny

KNOWN = Vocabulary((("duck",), ("car",)), (("grass",), ("stars",)), sizes=("small",))
TRACK = torch.tensor([[[0.3, 0.5], [0.35, 0.5], [0.4, 0.5], [0.45, 0.5]]])


def picture(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


def own(name: str) -> OwnLook:
    """Return the shipped look of a car as a picture of the user's."""
    car = tiny.looks().things["car"][0]
    return OwnLook(name, picture(car.pixels), directed=car.directed)


@pytest.fixture(scope="module")
def encoder() -> LookEncoder:
    return LookEncoder(tiny.looks(), tiny.codec_engines(), tiny.SIDE)


def planned(encoder: LookEncoder, text: str, looks: OwnLooks = ()) -> PlannedPrompt:
    planner = PromptPlanner(tiny.words().prompt, KNOWN, encoder)
    return planner.plan(None, ChunkRequest(prompt=((text, 1.0),), steps=1, looks=looks), 0)


def chunk(encoder: LookEncoder, planned: PlannedPrompt, state: LookState) -> ChunkLooks:
    assert planned.looks is not None
    return run_alone(encoder.step(state, planned.looks, TRACK))[1]


@pytest.mark.parametrize("size", ["", "small "])
def test_an_own_picture_gives_the_looks_that_the_same_shipped_one_gives(
    encoder: LookEncoder, size: str
) -> None:
    shipped = chunk(encoder, planned(encoder, f"a {size}car on stars"), LookState())
    mine = planned(encoder, f"my {size}mug on stars", (own("mug"),))
    made = chunk(encoder, mine, LookState())
    torch.testing.assert_close(made.things, shipped.things)
    torch.testing.assert_close(made.ground, shipped.ground)
    assert encoder._sprites.keys() == {
        thing for thing in encoder._sprites if thing.kind in KNOWN.kinds
    }


def test_an_own_picture_takes_the_place_of_the_kind_with_its_name(encoder: LookEncoder) -> None:
    car = chunk(encoder, planned(encoder, "a car on grass"), LookState())
    duck = chunk(encoder, planned(encoder, "a duck on grass"), LookState())
    mine = chunk(encoder, planned(encoder, "a duck on grass", (own("duck"),)), LookState())
    torch.testing.assert_close(mine.things, car.things)
    assert (duck.things != car.things).any()


def test_an_own_background_is_encoded_once_and_kept_with_the_video(encoder: LookEncoder) -> None:
    ground = OwnLook("desk", picture(tiny.looks().grounds["stars"]), "background")
    mine = planned(encoder, "a car on my desk", (ground,))
    assert mine.looks is not None
    state, made = run_alone(encoder.step(LookState(), mine.looks, TRACK))
    shipped = chunk(encoder, planned(encoder, "a car on stars"), LookState())
    torch.testing.assert_close(made.ground, shipped.ground)
    again, _ = run_alone(encoder.step(state, mine.looks, TRACK))
    assert again.ground is state.ground
    assert "desk" not in encoder._latents


def test_the_model_is_told_nothing_of_what_only_its_look_knows(encoder: LookEncoder) -> None:
    words = tiny.words().prompt
    mine = planned(encoder, "a stars and a duck on grass", (own("stars"),))  # named like a place
    assert mine.prompt.equals(words("a and a duck on grass"))
    desk = OwnLook("desk", picture(tiny.looks().grounds["stars"]), "background")
    assert planned(encoder, "a car on a desk", (desk,)).prompt.equals(words("a car"))


def test_another_picture_of_the_same_name_is_another_plan(encoder: LookEncoder) -> None:
    planner = PromptPlanner(tiny.words().prompt, KNOWN, encoder)

    def asked(*looks: OwnLook) -> ChunkRequest:
        return ChunkRequest(prompt=(("a mug", 1.0),), steps=1, looks=looks)

    first = planner.plan(None, asked(own("mug")), 0)
    assert planner.plan(first, asked(own("mug")), 0) is first
    other = OwnLook("mug", picture(tiny.looks().things["duck"][0].pixels))
    assert planner.plan(first, asked(other), 0) is not first
    with pytest.raises(ValueError, match="cannot draw"):
        planner.plan(first, asked(), 0)
