import numpy as np
import pytest

from models.generation.small.looks.coloring import COLORED, COLORS, recolored
from models.training.video.clips.kinds import KINDS


def _thing(*parts: tuple[int, int, int]) -> np.ndarray:
    """Return bands of colors, each 10 pixels high: uint8 (h, 20, 4)."""
    bands = np.array([(*part, 255) for part in parts], np.uint8)
    return np.repeat(np.repeat(bands[:, None], 20, 1), 10, 0)


@pytest.mark.parametrize("color", list(COLORS))
def test_the_main_part_gets_the_color_and_the_rest_stays(color: str) -> None:
    orange, dark_orange, grey, black = (240, 130, 20), (140, 76, 12), (150, 152, 150), (10, 10, 12)
    made = recolored(_thing(orange, orange, dark_orange, grey, black), color)
    target = np.array(COLORS[color]) * 255
    assert np.abs(made[5, 5, :3] - target).max() < 12
    shaded = made[25, 5, :3].astype(float)
    assert shaded.sum() < 0.85 * made[5, 5, :3].sum()  # the shading stays
    assert np.abs(made[35, 5, :3].astype(int) - grey).max() < 12
    assert np.abs(made[45, 5, :3].astype(int) - black).max() < 12


def test_a_white_thing_with_a_little_color_is_colored_where_it_is_white() -> None:
    coffee, white = (110, 60, 30), (235, 235, 235)
    made = recolored(_thing(coffee, white, white, white, white), "blue")
    assert np.abs(made[5, 5, :3].astype(int) - coffee).max() < 12
    assert made[25, 5, 2] > 1.8 * made[25, 5, 0]


def test_what_cannot_be_seen_stays_unseen() -> None:
    pixels = _thing((240, 130, 20))
    pixels[:, 10:] = 0
    made = recolored(pixels, "green")
    assert np.array_equal(made[..., 3], pixels[..., 3])
    assert not made[:, 10:].any()


def test_every_colored_kind_is_one() -> None:
    assert set(COLORED) <= set(KINDS)
    assert len(COLORED) >= 15
