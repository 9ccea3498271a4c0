import numpy as np
import pytest

from models.generation.small.looks.facing import LEFT, RIGHT, facing
from models.generation.small.looks.pictures import LookPicture
from models.generation.small.looks.sprites import SIZES, backdrop, sprite


def _look(height: int, width: int, *, directed: bool = True) -> LookPicture:
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:, : width // 2, :3] = 200  # light is to the left
    return LookPicture(pixels, directed)


@pytest.mark.parametrize("frame", [64, 128])
def test_every_shape_has_the_same_area_and_none_is_wider_than_most_of_the_frame(
    frame: int,
) -> None:
    for shape in ((80, 80), (60, 96), (96, 50)):
        height, width, _ = sprite(_look(*shape), frame=frame).shape
        assert (height * width) ** 0.5 == pytest.approx(0.4 * frame, rel=0.05)
    for size in SIZES:
        assert max(sprite(_look(12, 96), frame=frame, size=size).shape) <= 0.66 * frame + 1


def test_sizes_are_told_apart() -> None:
    sides = [len(sprite(_look(80, 80), frame=96, size=size)) for size in ("small", "", "large")]
    assert sides == sorted(sides)
    assert sides[0] < 0.7 * sides[1] < 0.6 * sides[2]


def test_only_what_has_a_side_to_look_to_is_turned() -> None:
    for directed in (True, False):
        look = _look(40, 60, directed=directed)
        left, right = (sprite(look, frame=64, right=way) for way in (False, True))
        assert np.array_equal(right, left[:, ::-1] if directed else left)
        assert left[5, 2, 0] > 150


def test_colors_stay_below_alpha() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 60, 4)).astype(np.uint8)
    made = sprite(LookPicture(np.minimum(pixels, pixels[..., 3:]), True), frame=128, color="red")
    assert (made[..., :3] <= made[..., 3:]).all()


def test_a_backdrop_fills_the_frame_with_the_picture() -> None:
    ground = np.zeros((128, 128, 3), np.uint8)
    ground[:64] = (200, 100, 50)
    shown = backdrop(ground, 64)
    assert shown.shape == (64, 64, 3)
    assert shown[10, 30].tolist() == [200, 100, 50]
    assert shown[50, 30].tolist() == [0, 0, 0]


def test_a_thing_looks_where_it_moves_and_keeps_its_way_at_rest() -> None:
    def track(*steps: float) -> np.ndarray:
        return np.array([(x, 0.5) for x in steps], np.float32)

    assert facing(track(0.2, 0.22, 0.24, 0.26), LEFT) == RIGHT
    assert facing(track(0.26, 0.24, 0.22, 0.2), RIGHT) == LEFT
    for previous in (LEFT, RIGHT):
        assert facing(track(0.5, 0.501, 0.5, 0.502), previous) == previous
        assert facing(np.full((4, 2), np.nan, np.float32), previous) == previous
