"""Boxes of doubtful names are counted as what the classifier sees in them."""

from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.assistant.scene.counting import (
    MAX_CANDIDATES,
    SURE,
    candidates,
    counted,
    cut_out,
    no_boxes,
    with_counted,
)
from models.vision.class_names import NAMES
from models.vision.detection import Detection

BALL, CUP = NAMES.index("ball"), NAMES.index("cup")
BALLS = frozenset({BALL})
FRACTIONS = st.floats(0, 1)


def box(name: str, left: float, top: float, right: float, bottom: float, score: float) -> Detection:
    return Detection(name, left, top, right, bottom, score)


def showing(*columns: int | None) -> Tensor:
    """Return probabilities, (boxes, names), of boxes that show these names."""
    shown = torch.zeros(len(columns), len(NAMES))
    for row, column in enumerate(columns):
        if column is not None:
            shown[row, column] = 0.8
    return shown


LEFT = box("frisbee", 0.0, 0.2, 0.4, 0.8, 0.06)
RIGHT = box("frisbee", 0.6, 0.2, 1.0, 0.8, 0.2)
AROUND = box("table", 0.0, 0.1, 1.0, 0.9, 0.08)
PART = box("cake", 0.1, 0.3, 0.3, 0.5, 0.05)


def test_things_that_the_detector_takes_for_others_are_counted() -> None:
    found = counted([], [RIGHT, LEFT], showing(BALL, BALL), BALLS)
    assert [each.name for each in found] == ["ball", "ball"]
    assert min(each.score for each in found) > SURE


def test_a_box_around_both_and_a_box_in_one_are_no_further_things() -> None:
    shown = showing(BALL, BALL, BALL, BALL)
    assert len(counted([], [RIGHT, AROUND, LEFT, PART], shown, BALLS)) == 2


def test_what_shows_another_thing_is_not_counted() -> None:
    assert len(counted([], [RIGHT, LEFT], showing(BALL, CUP), BALLS)) == 1
    assert counted([], [RIGHT, LEFT], showing(None, None), BALLS) == []


def test_other_things_stay_as_they_were_found() -> None:
    cup = box("cup", 0.4, 0.4, 0.6, 0.6, 0.9)
    found = with_counted((cup,), [RIGHT, LEFT], showing(BALL, BALL), [BALLS])
    assert [each.name for each in found].count("ball") == 2
    assert cup in found
    assert with_counted((cup,), [], no_boxes(), [BALLS]) == (cup,)


def test_the_likeliest_large_boxes_are_cut_out_and_persons_are_not() -> None:
    small = box("cup", 0.5, 0.5, 0.52, 0.52, 0.9)
    person = box("person", 0.0, 0.0, 1.0, 1.0, 0.9)
    many = [box("cup", 0.1, 0.1, 0.9, 0.9, 0.5 - each / 100) for each in range(20)]
    assert candidates([small, person, *many]) == many[:MAX_CANDIDATES]


@given(st.tuples(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS), st.integers(2, 40))
def test_what_is_cut_out_has_pixels(sides: Sequence[float], size: int) -> None:
    left, right = sorted(sides[:2])
    top, bottom = sorted(sides[2:])
    part = cut_out(
        torch.zeros(3, size, size), box("cup", left * 0.99, top * 0.99, right, bottom, 1)
    )
    assert min(part.shape[1:]) >= 1


@given(st.lists(st.tuples(FRACTIONS, FRACTIONS, st.sampled_from([0.1, 0.4, 0.6, 0.9])), max_size=8))
def test_things_that_the_detector_is_sure_of_are_never_lost(
    places: list[tuple[float, float, float]],
) -> None:
    found = [box("ball", x / 2, y / 2, x / 2 + 0.3, y / 2 + 0.3, score) for x, y, score in places]
    sure = [each for each in found if each.score >= SURE]
    number = counted(found, found, showing(*[BALL] * len(found)), BALLS)
    assert all(each in number for each in sure)
    assert len(number) <= len(found)
