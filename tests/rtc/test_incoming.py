import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.frames import VideoFrame
from rtc.incoming import CameraOpening


def shown(brightness: list[int], *, rate: int) -> list[int]:
    """Return the brightness of the frames that a session gets of a camera's."""
    opening, passed = CameraOpening(), []
    for number, value in enumerate(brightness):
        pixels = np.full((48, 64, 3), value, np.uint8)
        opening = opening.after(VideoFrame(pixels, number * 90_000 // rate))
        if opening.over:
            passed.append(value)
    return passed


def test_black_before_a_camera_has_its_first_picture_is_not_seen() -> None:
    assert shown([0, 0, 3, 80, 0, 90], rate=10) == [80, 0, 90]


def test_a_camera_that_shows_black_for_two_seconds_shows_black() -> None:
    assert shown([0] * 30, rate=10) == [0] * 10


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 60))
def test_only_black_frames_at_the_start_are_passed_over(brightness: list[int], rate: int) -> None:
    passed = shown(brightness, rate=rate)
    left_out = brightness[: len(brightness) - len(passed)]
    assert left_out + passed == brightness
    assert all(value <= 16 for value in left_out)
    assert len(left_out) <= 2 * rate
