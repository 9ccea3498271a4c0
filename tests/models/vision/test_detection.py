import numpy as np
import pytest

from models.vision.class_names import PERSON
from models.vision.detection import Detection, non_max_suppression, overlap, unplaced_persons

BOXES = np.array([[0, 0, 1, 0.5], [0, 0, 1, 0.48], [0, 0.5, 1, 1], [0, 0, 0.5, 0.5]], np.float32)
SCORES = np.array([0.6, 0.9, 0.7, 0.5], np.float32)


def test_of_boxes_over_each_other_the_surest_stays() -> None:
    kinds = np.zeros(4, np.int64)
    assert non_max_suppression(BOXES, SCORES, kinds) == [1, 2, 3]
    assert non_max_suppression(BOXES[:0], SCORES[:0], kinds[:0]) == []


def test_boxes_of_two_kinds_may_overlap_more() -> None:
    kinds = np.array([1, 0, 0, 0])
    assert non_max_suppression(BOXES, SCORES, kinds) == [1, 2, 3]  # an IoU of 0.96
    apart = np.array([[0, 0, 1, 0.5], [0, 0, 1, 0.4]], np.float32)  # an IoU of 0.8
    assert non_max_suppression(apart, SCORES[:2], np.array([0, 1])) == [1, 0]
    assert non_max_suppression(apart, SCORES[:2], np.array([0, 0])) == [1]


def test_a_box_has_an_area_and_a_center() -> None:
    box = Detection("cup", 0.2, 0.1, 0.4, 0.6, 0.9)
    assert box.area == pytest.approx(0.1)
    assert box.center == pytest.approx((0.3, 0.35))


def test_persons_without_boxes_have_their_scores() -> None:
    assert [(each.name, each.score) for each in unplaced_persons([0.9, 0.4])] == [
        (PERSON, 0.9),
        (PERSON, 0.4),
    ]


def test_the_overlap_of_boxes_is_over_their_union() -> None:
    box = Detection("cup", 0.0, 0.0, 0.4, 0.5, 0.9)
    assert overlap(box, box) == pytest.approx(1.0)
    assert overlap(box, Detection("cup", 0.2, 0.0, 0.6, 0.5, 0.9)) == pytest.approx(1 / 3)
    assert overlap(box, Detection("cup", 0.5, 0.6, 0.9, 0.9, 0.9)) == 0.0
