"""Blocks that keep their quality, beside a plain look at each pixel."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rtc.allocation.qp_map import BLOCK, relevant_blocks, relevant_boxes
from rtc.allocation.regions import Box


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, 15)), draw(st.integers(0, 15))
    right, bottom = draw(st.integers(left + 1, 16)), draw(st.integers(top + 1, 16))
    return Box(left / 16, top / 16, right / 16, bottom / 16)


@settings(max_examples=50)
@given(
    st.lists(boxes(), max_size=5),
    st.tuples(st.integers(16, 20), st.integers(16, 20)),
    st.sampled_from([16, 64]),
)
def test_blocks_are_relevant_if_one_of_their_pixels_is(
    found: list[Box], size: tuple[int, int], block: int
) -> None:
    width, height = 16 * size[0], 16 * size[1]  # the edges of boxes are those of pixels
    pixels = np.zeros((height, width), bool)
    for box in found:
        rows = slice(round(box.top * height), round(box.bottom * height))
        pixels[rows, round(box.left * width) : round(box.right * width)] = True
    expected = [
        [pixels[top : top + block, left : left + block].any() for left in range(0, width, block)]
        for top in range(0, height, block)
    ]
    np.testing.assert_array_equal(relevant_blocks(found, (width, height), block), expected)


def test_edges_that_are_fractions_of_blocks_add_none() -> None:
    cells = np.zeros((7, 7), np.float32)
    cells[2, 3] = 1
    for side in range(7 * BLOCK, 70 * BLOCK, 7 * BLOCK):  # cells end where blocks do
        blocks = relevant_blocks(relevant_boxes(cells), (side, side))
        assert blocks.sum() == (side // 7 // BLOCK) ** 2


def test_boxes_are_the_cells_of_a_map_that_are_relevant() -> None:
    values = np.array([[0.0, 0.49], [0.5, 1.0]], np.float32)
    assert relevant_boxes(values) == (Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1))


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        relevant_boxes(np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="pixels"):
        relevant_blocks([], (0, 360))
    with pytest.raises(ValueError, match="part of the frame"):
        Box(0.5, 0, 0.5, 1)
