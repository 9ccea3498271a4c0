"""Quantizers of blocks, against Artic's formula block by block."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rtc.allocation.qp_map import BLOCK, qp_offsets, relevant_boxes
from rtc.allocation.regions import Box

EDGE = st.integers(0, 16)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, 15)), draw(st.integers(0, 15))
    right, bottom = draw(st.integers(left + 1, 16)), draw(st.integers(top + 1, 16))
    return Box(left / 16, top / 16, right / 16, bottom / 16)


def plain(found: list[Box], size: tuple[int, int]) -> list[list[float]]:
    """Return the distance of each block to its nearest box, in pixels."""
    width, height = size
    table = []
    for top in range(0, height, BLOCK):
        row = []
        for left in range(0, width, BLOCK):
            right, bottom = min(left + BLOCK, width), min(top + BLOCK, height)
            distances = []
            for box in found:
                across = max(left - box.right * width, box.left * width - right, 0)
                down = max(top - box.bottom * height, box.top * height - bottom, 0)
                distances.append(math.hypot(across, down))
            row.append(min(distances))
        table.append(row)
    return table


@given(
    st.lists(boxes(), min_size=1, max_size=5),
    st.tuples(st.integers(16, 1300), st.integers(16, 800)),
)
def test_offsets_are_those_of_the_formula(found: list[Box], size: tuple[int, int]) -> None:
    offsets = qp_offsets(found, size)
    distances = plain(found, size)
    farthest = max(1.0, *map(max, distances))
    for row, line in enumerate(distances):
        for column, distance in enumerate(line):
            response = 1 - distance / farthest
            expected = min(25, max(0, 51 * (1 - response**2) - 26))
            assert abs(int(offsets[row, column]) - expected) <= 0.5 + 1e-6  # rounded


def test_the_block_of_a_box_keeps_its_quality_and_the_farthest_loses_most() -> None:
    offsets = qp_offsets([Box(0, 0, 0.1, 0.1)], (640, 360))
    assert offsets.shape == (6, 10)
    assert offsets[0, 0] == 0
    assert offsets[-1, -1] == 25


def test_without_boxes_all_blocks_are_equal() -> None:
    assert not qp_offsets([], (640, 360)).any()


def test_boxes_are_the_cells_of_a_map_that_are_relevant() -> None:
    values = np.array([[0.0, 0.49], [0.5, 1.0]], np.float32)
    assert relevant_boxes(values) == (Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1))


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        relevant_boxes(np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="pixels"):
        qp_offsets([], (0, 360))
    with pytest.raises(ValueError, match="part of the frame"):
        Box(0.5, 0, 0.5, 1)
