"""Blocks of lines in the order in which they are read."""

import numpy as np
import pytest

from models.vision.text.reading_order import TextLine, in_reading_order


def line(text: str, left: float, top: float, width: float, height: float = 20) -> TextLine:
    right, bottom = left + width, top + height
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return TextLine(text, 0.9, corners)


def turned(lines: list[TextLine], degrees: float) -> list[TextLine]:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [TextLine(each.text, each.score, each.corners @ turn) for each in lines]


def texts(lines: list[TextLine]) -> list[str]:
    return [block.text for block in in_reading_order(lines)]


SIGN = [
    line("exit", 130, 12, 70),
    line("to open", 15, 40, 90),
    line("Emergency", 10, 10, 110),
]


@pytest.mark.parametrize("degrees", [0, 20, -20, 90, 180])
def test_pieces_are_joined_and_lines_read_from_the_top(degrees: float) -> None:
    assert texts(turned(SIGN, degrees)) == ["Emergency exit to open"]


def test_signs_that_are_apart_are_blocks() -> None:
    assert texts([*SIGN, line("Shop", 300, 90, 60), line("Bus", 10, 200, 60)]) == [
        "Emergency exit to open",
        "Shop",
        "Bus",
    ]


def test_columns_are_read_one_after_the_other() -> None:
    left = [line(f"left {row}", 10, 30 * row, 80) for row in range(3)]
    right = [line(f"right {row}", 200, 30 * row, 80) for row in range(3)]
    assert texts([*right, *left]) == ["left 0 left 1 left 2", "right 0 right 1 right 2"]


def test_a_block_is_as_sure_as_its_lines_are_in_the_mean() -> None:
    sure, unsure = line("four", 0, 0, 40), line("eight888", 0, 24, 80)
    doubted = TextLine(unsure.text, 0.6, unsure.corners)
    (block,) = in_reading_order([sure, doubted])
    assert block.score == pytest.approx((4 * 0.9 + 8 * 0.6) / 12)


def test_no_lines_are_no_blocks() -> None:
    assert in_reading_order([]) == []
