"""Hands in photographs, and the fingers and gestures that are read from them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.vision.body import hands
from models.vision.body.fingers import Gesture, fingers_up, gesture, stretched
from models.vision.body.hands import Hand, HandFinder, anchors
from models.vision.body.networks import ANCHORS
from tests.models.packaged import folder

PHOTOGRAPHS = Path("tests/data/hands")


@pytest.fixture(scope="module")
def finder() -> HandFinder:
    return hands.load(folder("body"))


def picture(name: str) -> Tensor:
    pixels = np.array(Image.open(PHOTOGRAPHS / f"{name}.jpg").convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shown", "count"),
    [
        ("thumbs-up", Gesture.THUMBS_UP, 1),
        ("victory", Gesture.VICTORY, 2),
        ("fist", Gesture.FIST, 0),
        ("one-finger", Gesture.POINTING, 1),
    ],
)
def test_gestures_in_photographs_are_recognized(
    finder: HandFinder, name: str, shown: Gesture, count: int
) -> None:
    found = finder.find(picture(name))
    assert [gesture(hand) for hand in found] == [shown]
    assert fingers_up(found) == count


@pytest.mark.slow
def test_pictures_without_a_hand_have_none(finder: HandFinder) -> None:
    rows, columns = torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    for bland in (torch.zeros(3, 240, 320), torch.stack([rows, columns, rows]) % 256):
        assert finder.find(bland) == []


@pytest.mark.slow
def test_a_hand_is_found_where_it_is(finder: HandFinder) -> None:
    whole = picture("thumbs-up")
    (hand,) = finder.find(whole)
    assert hand.points[:, 0].mean() == pytest.approx(0.9, abs=0.1)  # x, in heights
    mirrored = finder.find(whole.flip(2))
    assert [gesture(each) for each in mirrored] == [Gesture.THUMBS_UP]
    assert mirrored[0].points[:, 0].mean() == pytest.approx(320 / 240 - 0.9, abs=0.1)
    assert (hand.right > 0.5) != (mirrored[0].right > 0.5)


def made_hand(*up: bool, thumb_down: bool = False, wrist_above: bool = False) -> Hand:
    """Return a hand with its fingers up; those that are not stretched are bent back."""
    points = np.zeros((21, 3), np.float32)
    down = -1.0 if thumb_down else 1.0
    for finger, stretched_ in enumerate(up):
        x = -0.3 + 0.15 * finger
        base = (x, -0.2, 0.0) if finger == 0 else (x, -0.5, 0.0)
        way = np.array([-0.15, -0.15 * down, 0.0] if finger == 0 else [0.0, -0.15, 0.0])
        for joint in range(4):
            points[1 + 4 * finger + joint] = np.array(base) + joint * way
        if not stretched_:
            points[3 + 4 * finger] = np.array(base) + 0.6 * way + [0.0, 0.05, 0.0]
            points[4 + 4 * finger] = np.array(base) + np.array([0.1 * (finger == 0), 0.1, 0.0])
    if wrist_above:
        points[:, 1] *= -1
    return Hand(points, 1.0, 0.5)


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        ((False, False, False, False, False), Gesture.FIST),
        ((True, True, True, True, True), Gesture.OPEN_HAND),
        ((True, False, False, False, False), Gesture.THUMBS_UP),
        ((False, True, False, False, False), Gesture.POINTING),
        ((False, True, True, False, False), Gesture.VICTORY),
        ((False, True, True, True, False), None),
        ((False, True, False, False, True), None),
    ],
)
def test_fingers_make_gestures(up: tuple[bool, ...], expected: Gesture | None) -> None:
    hand = made_hand(*up)
    assert stretched(hand) == up
    assert gesture(hand) == expected
    assert fingers_up([hand]) == sum(up)


def test_a_thumb_that_points_down_is_no_thumbs_up() -> None:
    assert gesture(made_hand(True, False, False, False, False, thumb_down=True)) in (
        Gesture.THUMBS_DOWN,
        None,
    )


def test_a_hand_that_hangs_beside_a_raised_one_does_not_count() -> None:
    raised = made_hand(False, True, True, True, False)
    hanging = made_hand(True, True, True, True, True, wrist_above=True)
    assert fingers_up([raised, hanging]) == 3
    assert fingers_up([hanging]) == 5


def test_there_is_an_anchor_for_each_output_of_the_detector() -> None:
    boxes = anchors()
    assert boxes.shape == (ANCHORS, 4)
    assert float(boxes[:, :2].min()) == 0.0
    assert float(boxes[:, :2].max()) < 1.0
