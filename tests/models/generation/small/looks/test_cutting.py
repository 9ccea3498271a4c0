"""What is cut out of a user's picture, and what its look is like."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.generation.small.looks.cutting import cut_look
from models.generation.small.looks.pictures import LONGER_SIDE

RED = (200, 40, 30)


def plain(size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a wall that is lit from above, with grain."""
    light = np.linspace(150, 230, size[1])[:, None, None] + np.zeros((size[1], size[0], 3))
    grain = np.random.default_rng(0).normal(0, 4, light.shape)
    return Image.fromarray(np.clip(light + grain, 0, 255).astype(np.uint8))


def look(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture.convert("RGBA"))


def test_a_thing_on_a_plain_wall_is_cut_out_and_what_is_seen_through_it_stays() -> None:
    picture = plain()
    draw = ImageDraw.Draw(picture)
    draw.ellipse((80, 40, 240, 200), fill=RED)
    draw.ellipse((140, 100, 180, 140), fill=(200, 200, 200))  # inside: not connected with the wall
    draw.point([(20, 20), (300, 200)], fill=RED)  # dust
    file, by = cut_look(picture)
    cut = look(file)
    assert by == "border"
    assert max(cut.shape) == LONGER_SIDE
    assert cut.shape[0] == pytest.approx(cut.shape[1], abs=2)  # of the disc alone
    assert cut[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() < 32
    assert cut[cut.shape[0] // 2, cut.shape[1] // 2, 3] == 255
    assert np.abs(cut[8, cut.shape[1] // 2, :3].astype(int) - RED).max() < 12


def test_a_picture_of_many_colors_is_shown_whole_with_round_corners() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 200, 3), np.uint8)
    file, by = cut_look(Image.fromarray(noise))
    cut = look(file)
    assert by == "whole"
    assert cut.shape[:2] == (58, 96)
    assert cut[0, 0, 3] == 0
    assert cut[29, 0, 3] == cut[0, 48, 3] == 255


@pytest.mark.parametrize("empty", [plain(), Image.new("RGB", (50, 50), RED)], ids=["wall", "red"])
def test_a_picture_of_nothing_but_a_wall_is_shown_whole(empty: Image.Image) -> None:
    assert cut_look(empty)[1] == "whole"


def test_alpha_is_kept_and_cut_to_what_is_opaque() -> None:
    picture = Image.new("RGBA", (100, 80))
    ImageDraw.Draw(picture).rectangle((10, 20, 49, 39), fill=(*RED, 255))
    file, by = cut_look(picture)
    assert by == "alpha"
    np.testing.assert_array_equal(look(file), np.full((20, 40, 4), (*RED, 255)))


def test_the_whole_picture_is_shown_if_that_is_wanted() -> None:
    picture = plain()
    ImageDraw.Draw(picture).ellipse((100, 60, 220, 180), fill=RED)
    file, by = cut_look(picture, whole=True)
    assert by == "whole"
    assert look(file).shape[:2] == (72, 96)


def test_a_thing_that_looks_right_is_turned() -> None:
    picture = Image.new("RGBA", (40, 20), (*RED, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 20, 10))
    one, two = (look(cut_look(picture, mirrored=mirrored)[0]) for mirrored in (False, True))
    np.testing.assert_array_equal(one, two[:, ::-1])
    assert (one != two).any()


def test_a_background_is_the_middle_of_the_picture() -> None:
    picture = Image.new("RGB", (300, 100), (0, 0, 255))
    picture.paste(RED, (100, 0, 200, 100))
    file, by = cut_look(picture, role="background")
    ground = look(file)
    assert by == "whole"
    assert ground.shape == (128, 128, 4)
    assert np.abs(ground[64, 64, :3].astype(int) - RED).max() < 12
    assert ground[..., 3].min() == 255


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of the picture is opaque"):
        cut_look(Image.new("RGBA", (40, 20)))
