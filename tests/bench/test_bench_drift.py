"""What the drift benchmark measures, on pictures of which it is known."""

import numpy as np
import pytest

from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.context import Reach
from tests.bench.bench_drift import circle, drift, mean, picture_statistics, scenes, stream_reach

RNG = np.random.default_rng(0)
STILL = np.repeat(RNG.integers(0, 256, (1, 8, 8, 3)).astype(np.uint8), 2 * FRAMES_PER_LATENT, 0)


def test_a_still_stream_does_not_move_and_a_grey_one_has_no_edges() -> None:
    measures = picture_statistics(STILL, None)
    assert measures["motion"] == 0
    assert measures["sharpness"] > 10
    grey = picture_statistics(np.full_like(STILL, 90), None)
    assert (grey["red"], grey["green"], grey["blue"], grey["sharpness"]) == (90, 90, 90, 0)


def test_a_jump_between_chunks_shows_as_a_seam_and_the_same_jump_everywhere_does_not() -> None:
    levels = np.repeat([100, 120, 100], FRAMES_PER_LATENT) + np.tile(
        [0, 1], 3 * FRAMES_PER_LATENT // 2
    )
    pictures = np.broadcast_to(
        levels[:, None, None, None], (3 * FRAMES_PER_LATENT, 4, 4, 3)
    ).astype(np.uint8)
    assert (
        picture_statistics(pictures[FRAMES_PER_LATENT:], pictures[FRAMES_PER_LATENT - 1])["seams"]
        > 15
    )
    even = np.broadcast_to(np.arange(12)[:, None, None, None] * 3, (12, 4, 4, 3)).astype(np.uint8)
    assert picture_statistics(even[FRAMES_PER_LATENT:], even[FRAMES_PER_LATENT - 1])[
        "seams"
    ] == pytest.approx(1)


def test_parts_of_the_memory_are_off_one_by_one() -> None:
    whole = Reach(sink=1, window=4)
    assert stream_reach("motion-stream", whole) == whole == stream_reach("rolling-forcing", whole)
    assert stream_reach("motion-stream, no sink", whole) == Reach(sink=0, window=4)
    assert stream_reach("motion-stream, no window", whole) == Reach(sink=1, window=0)
    assert stream_reach("motion-stream, neither", whole) == Reach(sink=0, window=0)
    assert stream_reach("stream-dit", whole) == Reach(sink=0, window=4)


def test_paths_go_on_where_they_were_and_scenes_differ() -> None:
    np.testing.assert_allclose(np.concatenate([circle(0, 30), circle(30, 30)]), circle(0, 60))
    assert len({scene.text for scene in scenes(6, "abcdefg", "uvwxyz")}) == 6


def test_the_fate_of_a_stream_is_reported() -> None:
    parts = ("red", "green", "blue", "sharpness", "motion", "class", "background", "error")
    first = dict.fromkeys((*parts, "ms", "MB"), 1.0)
    last = {**first, "red": 4.0, "blue": 5.0, "sharpness": 0.5, "motion": 3.0, "class": 0.25}
    measures = drift(first, last)
    assert measures.startswith("colour moved 5.0, sharpness x0.50, motion x3.00, thing 100% -> 25%")
    assert mean([first, last])["red"] == 2.5
