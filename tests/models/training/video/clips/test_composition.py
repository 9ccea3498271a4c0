from itertools import chain

import numpy as np
import pytest

from models.generation.prompt_encoder import split_words
from models.training.video.clips.captions import caption, vocabulary
from models.training.video.clips.composition import compose
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS, instances
from models.training.video.clips.paths import MOTIONS, path
from tests.models.training.video import drawn

PICTURES = drawn.pictures()


def test_a_clip_is_a_function_of_its_seed() -> None:
    one, two = (compose(PICTURES, 7, size=32, frames=8) for _ in range(2))
    assert np.array_equal(one.frames, two.frames)
    assert np.array_equal(one.tracks, two.tracks)
    assert one.caption == two.caption
    other = compose(PICTURES, 8, size=32, frames=8)
    assert not np.array_equal(one.frames, other.frames)


def test_a_held_out_clip_is_another_than_the_training_clip_of_its_seed() -> None:
    one = compose(PICTURES, 7, size=32, frames=8)
    two = compose(PICTURES, 7, size=32, frames=8, held_out=True)
    assert not np.array_equal(one.frames, two.frames)


def test_there_are_enough_kinds_and_backgrounds_and_no_photograph_is_on_both_sides() -> None:
    assert len(KINDS) >= 16
    assert len(BACKGROUNDS) >= 8
    for name, kind in KINDS.items():
        assert not set(kind.train) & set(kind.held_out)
        if kind.held_out:
            assert not set(instances(name, held_out=True)) & set(instances(name, held_out=False))
    everything = list(chain.from_iterable((*kind.train, *kind.held_out) for kind in KINDS.values()))
    assert len(everything) == len(set(everything))


def test_a_thing_is_where_its_track_says() -> None:
    for seed in range(12):
        clip = compose(PICTURES, seed, size=64, frames=8)
        mask = clip.masks[-1].astype(float)  # the one in front is seen whole
        rows, columns = np.mgrid[:64, :64] + 0.5
        total = mask.sum((1, 2))
        x, y = ((mask * grid).sum((1, 2)) / total for grid in (columns, rows))
        track = clip.tracks[-1] * 64
        inside = (np.abs(clip.tracks[-1] - 0.5) < 0.2).all(1)  # not cut by the frame's edge
        assert np.abs(np.stack([x, y], 1) - track)[inside].max(initial=0) < 0.3


def test_masks_cover_what_differs_from_the_background() -> None:
    clip = compose(PICTURES, 3, size=64, frames=8)
    covered = np.pad(clip.masks.max((0, 1)), 3)
    near = np.lib.stride_tricks.sliding_window_view(covered, (7, 7)).max((2, 3))  # the lens blurs
    free = (near == 0).nonzero()
    still = clip.frames[:, free[0], free[1]]
    assert len(free[0]) > 100
    assert np.array_equal(still, np.broadcast_to(still[:1], still.shape))


@pytest.mark.parametrize("motion", MOTIONS)
def test_paths_stay_in_the_frame_and_do_not_leap(motion: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        track = path(motion, rng, 48)
        assert track.shape == (48, 2)
        assert track.min() >= 0.13
        assert track.max() <= 0.87
        assert np.linalg.norm(np.diff(track, axis=0), axis=1).max() < 0.2


def test_every_word_of_a_caption_is_in_the_vocabulary() -> None:
    known, rng = set(vocabulary()), np.random.default_rng(0)
    for _ in range(500):
        kinds = [str(kind) for kind in rng.choice(list(KINDS), 2, replace=False)]
        motions = [str(motion) for motion in rng.choice(MOTIONS, 2)]
        text = caption(rng, kinds, motions, str(rng.choice(list(BACKGROUNDS))))
        assert set(split_words(text)) <= known, text


def test_a_caption_names_both_things_in_their_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        text = caption(rng, ["zebra", "elephant"], ["left", "free"], "white")
        assert text.index("zebra") < text.index("elephant")


def test_things_without_variation_have_one_appearance() -> None:
    areas: dict[str, list[float]] = {}
    for seed in range(200):
        clip = compose(PICTURES, seed, size=64, frames=4, varied=False)
        inside = np.abs(clip.tracks[0, 0] - 0.5).max() < 0.2
        if len(clip.kinds) == 1 and inside:
            areas.setdefault(clip.kinds[0], []).append(float(clip.masks[0, 0].sum()))
    several = [np.array(each) for each in areas.values() if len(each) > 1]
    assert len(several) > 5
    assert all(np.ptp(each) < 0.02 * each.mean() for each in several)
