import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.generation.codec.codec import FRAMES_PER_LATENT, PATCH
from models.generation.small.looks.layers import (
    gray_clip,
    layer_pictures,
    still_clip,
    thing_layer,
    through_lens,
)

SIDE = 32
SPRITE = np.zeros((6, 8, 4), np.uint8)
SPRITE[1:5, 1:6] = (200, 30, 40, 255)
BOTH = (SPRITE, SPRITE[:, ::-1].copy())


def standing(x: float, y: float) -> NDArray[np.float32]:
    return np.tile(np.array([[x, y]], np.float32), (FRAMES_PER_LATENT, 1))


def middle(alpha: NDArray[np.float32]) -> tuple[float, float]:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    total = alpha.sum()
    return float((alpha * columns).sum() / total), float((alpha * rows).sum() / total)


def test_at_whole_pixels_the_sprite_is_copied() -> None:
    layer = thing_layer(BOTH, (0,), standing(12 / SIDE, 10 / SIDE), SIDE)
    assert layer.shape == (FRAMES_PER_LATENT, SIDE, SIDE, 4)
    np.testing.assert_array_equal(layer[0, 7:13, 8:16], SPRITE)
    outside = layer.copy()
    outside[:, 7:13, 8:16] = 0
    assert outside.max() == 0


def test_each_latent_shows_the_way_that_it_faces() -> None:
    points = np.concatenate([standing(0.5, 0.5), standing(0.5, 0.5)])
    left, right = np.split(thing_layer(BOTH, (0, 1), points, SIDE), 2)
    np.testing.assert_array_equal(left[:, :, ::-1], right)
    assert not np.array_equal(left, right)


@given(x=st.floats(0.2, 0.8), y=st.floats(0.2, 0.8))
def test_a_thing_is_where_its_track_says_to_a_tenth_of_a_pixel(x: float, y: float) -> None:
    alpha = thing_layer(BOTH, (0,), standing(x, y), SIDE)[0, ..., 3]
    own = SPRITE[..., 3].astype(np.float32)
    rows, columns = np.mgrid[:6, :8] + 0.5
    offset = (columns * own).sum() / own.sum() - 4, (rows * own).sum() / own.sum() - 3
    found = middle(alpha)
    assert found[0] - x * SIDE == pytest.approx(offset[0], abs=0.1)
    assert found[1] - y * SIDE == pytest.approx(offset[1], abs=0.1)


@given(x=st.floats(-2, 3), y=st.floats(-2, 3))
def test_a_thing_may_leave_the_frame(x: float, y: float) -> None:
    layer = thing_layer(BOTH, (0,), standing(x, y), SIDE)
    assert layer.shape == (FRAMES_PER_LATENT, SIDE, SIDE, 4)
    if not (-0.2 < x < 1.2 and -0.2 < y < 1.2):
        assert layer.max() == 0
    if 0 < x < 1 and 0 < y < 1:
        assert layer.max() > 0


def test_a_layer_is_shown_on_gray_with_its_share_of_each_cell() -> None:
    layer = thing_layer(BOTH, (0,), standing(0.5, 0.5), SIDE)
    shown, covered = layer_pictures(layer)
    assert shown.shape == (1, 3, FRAMES_PER_LATENT, SIDE, SIDE)
    assert covered.shape == (1, 1, 1, SIDE // PATCH, SIDE // PATCH)
    assert covered.sum() * PATCH**2 == pytest.approx(layer[0, ..., 3].sum() / 255, rel=1e-5)
    nothing, none = layer_pictures(np.zeros_like(layer))
    assert none.max() == 0
    assert (nothing - gray_clip(SIDE)).abs().max() <= 1 / 127
    red = shown[0, :, 0, SIDE // 2, SIDE // 2]
    assert red[0] > 0.5
    assert red[1] < -0.5


def test_a_background_stands_still_and_has_the_blur_of_clips() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    shown = still_clip(picture)
    expected = torch.from_numpy(through_lens(picture[None].astype(np.float32))[0]).float()
    for frame in range(FRAMES_PER_LATENT):
        assert torch.allclose(shown[0, :, frame].permute(1, 2, 0), expected / 127.5 - 1)
