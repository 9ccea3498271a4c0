"""Which of the last looks is read."""

import numpy as np
from PIL import Image, ImageFilter

from models.assistant.scene.perception import Pixels
from models.assistant.scene.recent_looks import RecentLooks, sharpness
from tests.models.vision.text.signs import View, photograph

SIGN = photograph(["EXIT"], View())


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def test_sharpness_falls_with_blur() -> None:
    values = [sharpness(blurred(SIGN, radius)) for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)


def test_the_sharpest_of_the_last_looks_is_read() -> None:
    looks = RecentLooks()
    assert looks.sharpest() is None
    for time, pixels in ((0.0, blurred(SIGN, 2)), (0.4, SIGN), (0.8, blurred(SIGN, 3))):
        looks.add(pixels, time)
    assert looks.sharpest() is SIGN


def test_another_view_and_an_old_look_are_not_read() -> None:
    other = np.zeros_like(SIGN)
    looks = RecentLooks()
    looks.add(SIGN, 0.0)
    looks.add(other, 0.5)
    assert looks.sharpest() is other  # the camera has moved on
    still = blurred(SIGN, 3)
    looks = RecentLooks()
    looks.add(SIGN, 0.0)
    looks.add(still, 2.0)
    assert looks.sharpest() is still
