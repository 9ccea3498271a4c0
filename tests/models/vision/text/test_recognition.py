"""Lines cut out of pictures, and text of the network's steps."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vision.text.recognition import HEIGHT, along_writing, cut_line, decode

CHARACTERS = ["", "a", "b", " "]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_decoding_drops_blanks_and_repeats(steps: list[int]) -> None:
    probabilities = np.full((len(steps), 4), 0.1, np.float32)
    probabilities[np.arange(len(steps)), steps] = 0.7
    plain = "".join(CHARACTERS[step] for step, _ in groupby(steps))
    read = decode(probabilities, CHARACTERS)
    assert read.text == plain
    assert read.score == (pytest.approx(0.7) if any(steps) else 0)


def stripes() -> np.ndarray:
    """Return a picture whose red grows to the right and whose green grows downwards."""
    picture = np.zeros((200, 240, 3), np.uint8)
    picture[:, :, 0] = np.arange(240)
    picture[:, :, 1] = np.arange(200)[:, None]
    return picture


def test_a_line_is_cut_out_as_large_as_the_network_takes_it() -> None:
    corners = np.array([[20.0, 50.0], [212.0, 50.0], [212.0, 98.0], [20.0, 98.0]])
    line = cut_line(stripes(), corners)
    assert line.shape == (HEIGHT, 192, 3)
    np.testing.assert_allclose(line[0, :, 0], 20.5 + np.arange(192), atol=1e-3)
    np.testing.assert_allclose(line[:, 0, 1], 50.5 + np.arange(HEIGHT), atol=1e-3)


def test_a_large_line_is_averaged() -> None:
    picture = np.zeros((200, 240, 3), np.uint8)
    picture[::2] = 200  # stripes that are thinner than the points of the line
    line = cut_line(picture, np.array([[0.0, 0.0], [239.0, 0.0], [239.0, 191.0], [0.0, 191.0]]))
    np.testing.assert_allclose(line, 100, atol=40)  # single points would be 0 or 200


def test_a_line_that_stands_is_read_from_its_right_side() -> None:
    standing = np.array([[100.0, 20.0], [120.0, 20.0], [120.0, 180.0], [100.0, 180.0]])
    line = cut_line(stripes(), along_writing(standing))
    assert line.shape[1] == 8 * HEIGHT
    assert line[0, 0, 1] < line[0, -1, 1]  # along the line it goes down the picture
    assert line[0, 0, 0] > line[-1, 0, 0]


def test_a_tilted_line_is_cut_out_upright() -> None:
    corners = np.array([[20.0, 60.0], [100.0, 20.0], [120.0, 60.0], [40.0, 100.0]])
    line = cut_line(stripes(), corners)
    assert np.all(np.diff(line[24, :, 0]) > 0)
    assert np.all(np.diff(line[24, :, 1]) < 0)
