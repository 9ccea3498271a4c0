from dataclasses import replace

import numpy as np
import pytest

from models.generation.small.looks.pictures import LookPicture, LookPictures
from tests.bench.bench_drawn_prompts import Asked, fidelity, right_things
from tests.bench.bench_video_quality import JUDGED, named_right
from tests.bench.drawn_scenes import LONG, DrawnScene, found, moving_scenes, path_error
from tests.bench.look_judge import LookJudge, Meant, Points
from tests.bench.prompt_switch import changes, seen_after

SIDE = 64
KINDS = ("bat", "cat", "dog", "hen", "owl", "pig", "rat", "yak")
GROUNDS = ("ash", "ice", "mud")


def pictures() -> LookPictures:
    """Return a look of each kind and background: noise, each of its own."""
    rng = np.random.default_rng(0)

    def look() -> LookPicture:
        pixels = rng.integers(0, 256, (12, 16, 4), np.uint8)
        pixels[..., 3] = 255
        return LookPicture(pixels, directed=True)

    grounds = {name: rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for name in GROUNDS}
    return LookPictures({kind: (look(),) for kind in KINDS}, grounds)


@pytest.fixture(scope="module")
def judge() -> LookJudge:
    return LookJudge(pictures(), SIDE)


@pytest.fixture(scope="module")
def scenes(judge: LookJudge) -> list[DrawnScene]:
    return moving_scenes(judge, 5)


def test_a_square_is_found_where_it_is() -> None:
    frames = np.full((24, 64, 64, 3), 90, np.uint8)
    places = []
    for n in range(24):
        x, y = 5 + 2 * n, 20 + (n % 3)
        frames[n, y : y + 6, x : x + 6] = 250
        places.append(((x + 3) / 64, (y + 3) / 64))
    assert np.abs(found(frames) - np.array(places)).max() < 1e-3


def test_composed_scenes_are_near_their_own_path_and_far_from_another(
    judge: LookJudge, scenes: list[DrawnScene]
) -> None:
    clips = [scene.composed(judge) for scene in scenes]
    own = [path_error(clip, scene.path) for clip, scene in zip(clips, scenes, strict=True)]
    strange = [*scenes[1:], scenes[0]]
    other = [path_error(clip, scene.path) for clip, scene in zip(clips, strange, strict=True)]
    assert all(clip.shape == (LONG, SIDE, SIDE, 3) for clip in clips)
    assert np.mean(other) > 2 * np.mean(own)


def test_the_judge_names_what_is_composed_through_noise_and_not_what_is_missing(
    judge: LookJudge, scenes: list[DrawnScene]
) -> None:
    rng = np.random.default_rng(1)
    few = scenes[:2]
    truth = [scene.composed(judge) for scene in few]
    noisy = [
        np.clip(clip + rng.normal(0, 40, clip.shape), 0, 255).astype(np.uint8) for clip in truth
    ]
    assert named_right(judge, noisy, few) == (1.0, 1.0)
    swapped = [replace(scene, kind="pig", ground=GROUNDS[0]) for scene in few]
    expected = sum(scene.ground == GROUNDS[0] for scene in few) / 2
    assert named_right(judge, truth, swapped) == (0.0, expected)
    assert len(JUDGED) == 3


def place(x: float, y: float) -> Points:
    return np.array([[[x, y]]], np.float32)


def test_a_thing_turned_round_or_of_another_kind_is_not_right(judge: LookJudge) -> None:
    cat, turned, dog = Meant("cat"), Meant("cat", right=True), Meant("dog")
    asked = Asked((cat,), "mud", ((cat, turned, dog),))
    at = place(0.4, 0.6)
    for shown, right in ((cat, True), (turned, False), (dog, False)):
        frame = judge.composed((shown,), "mud", at[:, 0])
        assert right_things(judge, asked, frame, at) == [right]


def test_a_blurred_thing_loses_decibels_and_edges(judge: LookJudge) -> None:
    cat = Meant("cat")
    asked = Asked((cat,), "mud", ((cat,),))
    at = place(0.5, 0.5)
    whole = judge.composed((cat,), "mud", at[:, 0])
    soft = (whole // 2 + np.roll(whole, 1, 1) // 2).astype(np.uint8)
    near, edges = fidelity(judge, asked, whole, at)
    assert near > 100
    assert edges == 1.0
    far, fewer = fidelity(judge, asked, soft, at)
    assert far < 30
    assert fewer < 0.9


def test_a_change_is_seen_when_the_new_background_is_nearest_twice(
    judge: LookJudge, scenes: list[DrawnScene]
) -> None:
    then = replace(scenes[0], ground="ice")
    nothing = np.zeros((0, 2), np.float32)
    old, new = (judge.composed((), ground, nothing) for ground in ("mud", "ice"))
    frames = np.stack([old] * 32)
    assert seen_after(judge, frames, then) == float("inf")
    frames[3] = new
    frames[8:] = new
    assert seen_after(judge, frames, then) == 0.5
    for first, second in changes(scenes):
        assert first.kind != second.kind
        assert first.ground != second.ground
