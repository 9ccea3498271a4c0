"""Colours of patches that people would not argue about."""

import pytest
import torch

from models.vision.colors import (
    COLORS,
    classify_pixels,
    color_fractions,
    color_in_box,
    dominant_color,
)
from models.vision.detection import Detection

CLEAR = {
    "black": (12, 12, 14), "white": (245, 244, 240), "grey": (128, 127, 130),
    "red": (205, 25, 30), "orange": (240, 130, 20), "yellow": (240, 215, 40),
    "green": (50, 160, 60), "blue": (35, 80, 200), "purple": (120, 50, 170),
    "pink": (245, 150, 190), "brown": (110, 65, 30),
}  # fmt: skip


def patch(name: str, size: int = 36) -> torch.Tensor:
    return torch.tensor(CLEAR[name], dtype=torch.float32)[:, None, None].expand(3, size, size)


@pytest.mark.parametrize("name", COLORS)
def test_a_clear_patch_has_its_name_in_brighter_and_darker_light(name: str) -> None:
    for light in (1.0, 0.92):
        assert COLORS[int(classify_pixels(patch(name) * light)[0, 0])] == name


@pytest.mark.parametrize("name", COLORS)
@pytest.mark.parametrize("around", ["grey", "green", "black"])
def test_a_thing_has_its_own_color_and_not_its_surroundings(name: str, around: str) -> None:
    pixels = patch(around).clone()
    pixels[:, 9:27, 9:27] = patch(name, 18)
    on = torch.zeros(36, 36)
    on[8:28, 8:28] = 1.0
    assert dominant_color(classify_pixels(pixels), on) == name


def test_shares_count_only_where_the_thing_is() -> None:
    pixels = torch.cat([patch("red"), patch("blue")], 2)
    on = torch.zeros(36, 72)
    on[:, :18] = 1.0
    on[:, 36:42] = 1.0
    found = color_fractions(classify_pixels(pixels), on)
    assert found[COLORS.index("red")] == pytest.approx(0.75)
    assert found[COLORS.index("blue")] == pytest.approx(0.25)


def test_no_thing_has_no_color() -> None:
    assert dominant_color(classify_pixels(patch("red")), torch.zeros(36, 36)) == ""


@pytest.mark.parametrize("name", COLORS)
@pytest.mark.parametrize("around", ["grey", "green", "black"])
def test_the_color_in_a_box_is_that_of_its_middle(name: str, around: str) -> None:
    pixels = patch(around, 60).clone()
    pixels[:, 20:40, 10:30] = patch(name, 20)
    box = Detection("cup", 8 / 60, 18 / 60, 32 / 60, 42 / 60, 0.9)
    colors = classify_pixels(pixels)
    assert color_in_box(colors, box) == name
    assert color_in_box(colors, Detection("cup", 0.5, 0.5, 0.5, 0.5, 0.9)) == ""
