from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import WeightsError
from models.generation.small.looks.pictures import (
    LONGER_SIDE,
    LookPicture,
    LookPictures,
    cut_out,
    load,
    pack,
)


def test_a_file_holds_looks_exactly_and_backgrounds_nearly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (9, 12, 4)).astype(np.uint8) for _ in range(2))
    faint = np.minimum(one, one[..., 3:]) // 4  # the color of a faint pixel is not stretched
    opaque = other | np.array([0, 0, 0, 255], np.uint8)
    ground = np.full((32, 32, 3), (40, 120, 200), np.uint8)
    kept = LookPictures(
        {"ice cream": (LookPicture(faint, True, "MIT"), LookPicture(opaque, False, "GPL-2"))},
        {"sand": ground},
        {"sand": "CC0"},
        {"ice cream": (LookPicture(opaque, False, "CC-BY-4.0"),)},
    )
    pack(kept, tmp_path / "looks.zip")
    again = load(tmp_path / "looks.zip")
    assert again.licences == kept.licences
    assert np.abs(again.grounds["sand"].astype(int) - ground).max() < 6
    for part in ("things", "held_out"):
        before, after = (getattr(each, part)["ice cream"] for each in (kept, again))
        assert [(look.directed, look.licence) for look in after] == [
            (look.directed, look.licence) for look in before
        ]
        for look, was in zip(after, before, strict=True):
            assert np.array_equal(look.pixels, was.pixels)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "looks.zip").write_bytes(b"something else")
    for name in ("looks.zip", "none.zip"):
        with pytest.raises(WeightsError, match="holds no looks"):
            load(tmp_path / name)


def test_a_look_is_cut_to_what_is_opaque_premultiplied_and_looks_left() -> None:
    picture = np.zeros((120, 180, 4), np.uint8)
    picture[..., 0] = 255  # red even where it cannot be seen
    picture[20:100, 40:160, 3] = 255
    picture[20:100, 40:100, 3] = 128
    for faces, columns in (("left", (10, -10)), ("right", (-10, 10)), ("", (10, -10))):
        look = cut_out(Image.fromarray(picture, "RGBA"), faces=faces)
        assert look.directed == bool(faces)
        assert look.pixels.shape == (LONGER_SIDE * 2 // 3, LONGER_SIDE, 4)
        faint, strong = (look.pixels[40, column].tolist() for column in columns)
        assert faint == pytest.approx([128, 0, 0, 128], abs=2)
        assert strong == pytest.approx([255, 0, 0, 255], abs=2)


def test_a_small_picture_is_not_enlarged_and_an_empty_one_refused() -> None:
    assert cut_out(Image.new("RGBA", (20, 10), "red")).pixels.shape == (10, 20, 4)
    with pytest.raises(ValueError, match="opaque"):
        cut_out(Image.new("RGBA", (20, 10)))
