"""Boxes around the cores of lines that a network marks."""

import numpy as np
import pytest

from models.vision.text.detection import boxes_of, input_size


def marked(*cores: tuple[int, int, int, int], probability: float = 0.9) -> np.ndarray:
    """Return a map with `cores`: left, top, right and bottom, the last two not included."""
    probabilities = np.zeros((96, 160), np.float32)
    for left, top, right, bottom in cores:
        probabilities[top:bottom, left:right] = probability
    return probabilities


def test_a_box_is_wider_than_the_core_that_the_network_marks() -> None:
    (box,) = boxes_of(marked((20, 40, 100, 50)))
    width, height = 80.0, 10.0  # between the middles of its pixels, one more on each side
    margin = 1.6 * width * height / (2 * (width + height))
    expected = [[20 - margin, 40 - margin], [100 + margin, 50 + margin]]
    np.testing.assert_allclose([box.corners[0], box.corners[2]], expected)
    assert box.score == pytest.approx(0.9 * (80 * 10) / (81 * 11), abs=0.02)  # the edge is outside


def test_each_core_has_a_box() -> None:
    assert len(boxes_of(marked((10, 10, 60, 20), (10, 40, 60, 50), (90, 10, 150, 20)))) == 3


@pytest.mark.parametrize(
    ("core", "probability"),
    [((20, 40, 22, 42), 0.9), ((20, 40, 100, 50), 0.4), ((20, 40, 100, 41), 0.9)],
)
def test_specks_and_faint_marks_are_no_text(
    core: tuple[int, int, int, int], probability: float
) -> None:
    assert boxes_of(marked(core, probability=probability)) == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (640, 480)),
        ((1280, 720), (960, 544)),
        ((720, 1280), (544, 960)),
        ((5, 3), (32, 32)),
        ((4000, 20), (960, 32)),
    ],
)
def test_large_pictures_are_made_smaller_and_small_ones_are_not_made_larger(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert input_size(*size, 960) == expected
