"""Regions and rectangles, against plain ways to find them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.vision.text.regions import (
    convex_hull,
    from_top_left,
    inside,
    regions,
    sides,
    smallest_rectangle,
)

Cell = tuple[int, int]


def flooded(mask: NDArray[np.bool_]) -> list[set[Cell]]:
    """Return the cells, (row, column), of each region, found by walking from cell to cell."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    found = []
    while left:
        waiting, region = [left.pop()], set[Cell]()
        while waiting:
            row, column = waiting.pop()
            region.add((row, column))
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
            waiting += near & left
            left -= near
        found.append(region)
    return found


def ends(region: set[Cell]) -> set[Cell]:
    """Return the cells without a neighbor on the left or on the right, as (x, y)."""
    return {
        (column, row)
        for row, column in region
        if (row, column - 1) not in region or (row, column + 1) not in region
    }


@settings(max_examples=30)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_regions_are_those_that_a_walk_finds(mask: NDArray[np.bool_]) -> None:
    found = [{(int(x), int(y)) for x, y in points} for points in regions(mask)]
    assert sorted(map(sorted, found)) == sorted(sorted(ends(each)) for each in flooded(mask))


POINTS = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=30
).map(lambda points: np.array(points, np.float64))


@settings(max_examples=30)
@given(POINTS)
def test_the_smallest_rectangle_holds_the_points_and_no_turned_one_is_smaller(
    points: NDArray[np.float64],
) -> None:
    corners = smallest_rectangle(points)
    assert inside(corners, points[:, 0], points[:, 1]).all() or np.ptp(points, axis=0).min() == 0
    width, height = sides(corners)
    for angle in np.linspace(0, np.pi / 2, 91):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        area = np.ptp(points @ turn, axis=0).prod()
        assert width * height <= area + 1e-6  # rounding of the corners


@settings(max_examples=30)
@given(POINTS)
def test_the_hull_has_all_points_on_one_side_of_its_edges(points: NDArray[np.float64]) -> None:
    hull = convex_hull(points)
    for (ax, ay), (bx, by) in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        side = (bx - ax) * (points[:, 1] - ay) - (by - ay) * (points[:, 0] - ax)
        assert (side >= 0).all()


def test_a_margin_widens_a_rectangle_on_each_side() -> None:
    line = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 14.0], [10.0, 14.0]])
    assert smallest_rectangle(line, 3.0).tolist() == [[7, 7], [33, 7], [33, 17], [7, 17]]


@pytest.mark.parametrize("degrees", [-40, -10, 0, 10, 40])
def test_corners_begin_where_a_tilted_line_does(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    line = np.array([[-30.0, -5.0], [30.0, -5.0], [30.0, 5.0], [-30.0, 5.0]]) @ turn
    for start in range(4):
        np.testing.assert_allclose(from_top_left(np.roll(line, start, axis=0)), line)
