from itertools import chain

import numpy as np
import pytest

from models.generation.prompt_encoder import split_words
from models.generation.small.looks.coloring import COLORED, COLORS
from models.generation.small.looks.facing import LEFT, RIGHT
from models.generation.small.looks.layers import thing_layer, through_lens
from models.generation.small.prompts.vocabulary import same_places, same_things, without_article
from models.training.video.clips.captions import SIZE_WORDS, caption, vocabulary
from models.training.video.clips.composition import compose
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
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


def test_there_are_enough_kinds_and_backgrounds_and_no_picture_is_on_both_sides() -> None:
    assert len(KINDS) >= 64
    assert len(BACKGROUNDS) >= 24
    assert sum(ground.picture is None for ground in BACKGROUNDS.values()) <= 8
    for kind in KINDS.values():
        assert kind.train
        assert not {each.source for each in kind.train} & {each.source for each in kind.held_out}
    every = list(chain.from_iterable((*kind.train, *kind.held_out) for kind in KINDS.values()))
    assert len(every) == len(set(every))


def test_every_name_is_one_that_prompts_use_and_kinds_share_none() -> None:
    for usual, tables in ((same_things(), KINDS), (same_places(), BACKGROUNDS)):
        names = [[without_article(name) for name in each.names] for each in tables.values()]
        assert {name for group in names for name in group} <= set(usual)
        groups = [{usual[name] for name in group} for group in names]
        assert [len(group) for group in groups] == [1] * len(groups)
        assert len(set.union(*groups)) == len(groups)


def test_a_thing_never_slides_backwards() -> None:
    seen = set()
    for seed in range(14):
        clip = compose(PICTURES, seed, size=32, frames=24)
        assert clip.facing.shape == (len(clip.kinds), 6)
        for track, ways in zip(clip.tracks, clip.facing, strict=True):
            steps = track.reshape(6, 4, 2)[:, -1, 0] - track.reshape(6, 4, 2)[:, 0, 0]
            assert (ways[steps > 0.02] == RIGHT).all()
            assert (ways[steps < -0.02] == LEFT).all()
            seen |= set(ways.tolist())
    assert seen == {LEFT, RIGHT}


def test_what_is_shown_is_the_ground_and_the_looks_to_their_way() -> None:
    for seed in range(12):
        clip = compose(PICTURES, seed, size=64, frames=8)
        for left, right in clip.sprites:
            assert np.array_equal(left, right[:, ::-1])
        again = clip.ground.astype(np.float32)
        for sprites, ways, track in zip(clip.sprites, clip.facing, clip.tracks, strict=True):
            layer = thing_layer(sprites, ways.tolist(), track, 64)[5]
            again = again * (1 - layer[..., 3:] / 255) + layer[..., :3]
        assert np.array_equal(through_lens(again[None])[0], clip.frames[5])


def test_words_of_size_and_color_are_those_of_what_is_shown() -> None:
    sizes, colors = set(), set()
    for seed in range(50):
        clip = compose(PICTURES, seed, size=16, frames=4)
        for kind, size, color in zip(clip.kinds, clip.sizes, clip.colors, strict=True):
            assert not color or kind in COLORED
            words = split_words(clip.caption)
            assert not color or color in words
            assert not set(SIZE_WORDS[size]) - {""} or set(SIZE_WORDS[size]) & set(words)
            sizes.add(size)
            colors.add(color)
    assert sizes == set(SIZE_WORDS)
    assert {""} < colors <= {"", *COLORS}


def test_a_thing_is_where_its_track_says() -> None:
    for seed in range(12):
        clip = compose(PICTURES, seed, size=64, frames=8)
        mask = clip.masks[-1].astype(float)  # the one in front is seen whole
        rows, columns = np.mgrid[:64, :64] + 0.5
        total = mask.sum((1, 2))
        x, y = ((mask * grid).sum((1, 2)) / total for grid in (columns, rows))
        track = clip.tracks[-1] * 64
        inside = (np.abs(clip.tracks[-1] - 0.5) < 0.15).all(1)  # not cut by the frame's edge
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
        sizes, colors = rng.choice(list(SIZE_WORDS), 2), rng.choice(list(COLORS), 2)
        ground = str(rng.choice(list(BACKGROUNDS)))
        text = caption(rng, kinds, motions, ground, sizes.tolist(), colors.tolist())
        assert set(split_words(text)) <= known, text


def test_a_caption_names_both_things_in_their_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        text = caption(rng, ["zebra", "elephant"], ["left", "free"], "white")
        assert text.index("zebra") < text.index("elephant")
