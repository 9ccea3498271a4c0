"""The packaged model follows prompts and tracks."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.generation.chunk_request import ChunkRequest
from models.generation.own_look import OwnLook
from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.looks.cutting import cut_look
from tests.bench.bench_drift import SPAN as LAP
from tests.bench.bench_drift import circle
from tests.bench.drawn_scenes import path_error
from tests.bench.drawn_stream import drawn_chunks

Shown = NDArray[np.uint8]

LAPS = 3  # of each prompt
COLORS = {"an orange on a blue wall": (2, 0), "an apple on grass": (1, 2)}  # strongest, weakest


@pytest.fixture(scope="module")
def drawing() -> SmallVideoModel:
    return load_files(find_files())


def drawn(drawing: SmallVideoModel, name: str) -> Shown:
    """Return laps of an orange on a blue wall, then as many of an apple on grass."""
    chunks = []
    for index, prompt in enumerate(COLORS):
        starts = range(index * LAPS * LAP, (index + 1) * LAPS * LAP, 4)
        chunks += [(prompt, circle(at, 4)[None]) for at in starts]
    return np.concatenate(list(drawn_chunks(drawing, name, chunks, seed=3)))


def ground(picture: Shown) -> NDArray[np.float64]:
    """Return the colour of most of a picture, where the thing is not."""
    color: NDArray[np.float64] = np.median(picture.reshape(-1, 3), axis=0)
    return color


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFAULT_STEPS)
def test_it_draws_the_prompt_along_the_path_lap_after_lap(
    drawing: SmallVideoModel, name: str
) -> None:
    pictures = drawn(replace(drawing, enlarger=None), name)
    size = drawing.info.size
    assert len(pictures) == 2 * LAPS * LAP
    laps = [pictures[start : start + LAP] for start in range(0, len(pictures), LAP)]
    del laps[LAPS - 1 : LAPS + 1]  # what is in flight takes up the new prompt, and then the rest
    for number, lap in enumerate(laps):
        off = path_error(lap, circle(0, LAP))
        assert off < 0.05 * size
        assert path_error(lap, circle(LAP // 2, LAP)) > 5 * off  # where it is not
        strongest, weakest = COLORS[list(COLORS)[number // (LAPS - 1)]]
        color = ground(lap[LAP // 2])
        assert color.argmax() == strongest
        assert color.argmin() == weakest
    for first, last in ((laps[0], laps[LAPS - 2]), (laps[LAPS - 1], laps[-1])):
        assert np.abs(ground(first[-1]) - ground(last[-1])).max() < 16  # of 255: no drift


def test_the_enlarger_keeps_the_picture(drawing: SmallVideoModel) -> None:
    chunk = ("an orange on a blue wall", np.full((1, 4, 2), 0.5, np.float32))
    shown = [
        next(drawn_chunks(model, "motion-stream", [chunk], seed=0))[0].astype(float)
        for model in (replace(drawing, enlarger=None), drawing)
    ]
    small, large = shown
    size, scale = drawing.info.size, drawing.shown_size // drawing.info.size
    assert scale == 3
    reduced = large.reshape(-1, size, scale, size, scale, 3).mean((2, 4))
    assert np.abs(reduced - small).mean() < 3  # of 255


def test_a_picture_that_no_training_showed_is_drawn_as_it_is(drawing: SmallVideoModel) -> None:
    """What is drawn of a user's picture is nearer to it than to the same with other colors."""
    picture = Image.new("RGBA", (96, 96))
    pen = ImageDraw.Draw(picture)
    pen.pieslice((0, 0, 95, 95), 90, 270, fill=(30, 80, 220, 255))
    pen.pieslice((0, 0, 95, 95), 270, 90, fill=(240, 200, 30, 255))
    looks = (OwnLook("gizmo", cut_look(picture)[0]),)
    generator = SmallVideoGenerator(replace(drawing, enlarger=None))
    request = ChunkRequest(
        prompt=(("my gizmo on grass", 1.0),),
        steps=2,
        track=np.full((1, 4, 2), 0.5, np.float32),
        looks=looks,
    )
    state = generator.init_state("motion-stream", 0)
    state, _ = generator.step(state, request)
    state, frames = generator.step(state, request)
    half = drawing.info.size // 2
    left, right = (
        frames[-1][half - 8 : half + 8, slice(*at)]
        for at in ((half - 14, half - 4), (half + 4, half + 14))
    )
    for part, color in ((left, (30, 80, 220)), (right, (240, 200, 30))):
        assert np.abs(part.mean((0, 1)) - color).max() < 60  # of 255: the codec leaves so much
    corner = frames[-1][:16, :16].mean((0, 1))
    assert corner.argmax() == 1  # grass
