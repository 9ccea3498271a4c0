"""The detector: its arithmetic here, its weights against TensorFlow's own run of the graph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import WeightsError
from models.qa.persons import Persons, Ssd, anchors, decode, distinct, load
from tests.models.qa.test_graphdef import constant

REAL = Path(".cache/eyeline/weights/persons")


def test_there_are_as_many_anchors_as_scores() -> None:
    differences, scores = Ssd().eval()(torch.zeros(3, 300, 300))
    assert len(anchors()) == len(differences) == len(scores) == 1917  # Liu et al., at 300 pixels


@settings(deadline=None)
@given(st.integers(0, 1916))
def test_no_difference_is_the_anchor_itself(index: int) -> None:
    around = anchors()[index : index + 1]
    top, left, bottom, right = decode(torch.zeros(1, 4), around)[0].tolist()
    y, x, height, width = around[0].tolist()
    assert top == pytest.approx(max(0, y - height / 2), abs=1e-6)
    assert right == pytest.approx(min(1, x + width / 2), abs=1e-6)
    assert (left, bottom) >= (0, 0)
    assert max(right, bottom) <= 1


def test_of_boxes_over_each_other_the_surest_stays() -> None:
    boxes = torch.tensor([[0, 0, 1, 0.5], [0, 0, 1, 0.48], [0, 0.5, 1, 1], [0, 0, 0.5, 0.5]])
    assert distinct(boxes, torch.tensor([0.6, 0.9, 0.7, 0.5])) == [1, 2, 3]
    assert distinct(boxes[:0], torch.zeros(0)) == []


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    (tmp_path / "frozen_inference_graph.pb").write_bytes(constant("a", np.zeros(4, np.float32)))
    with pytest.raises(WeightsError, match="not the weights of this detector"):
        load(tmp_path)


def test_nothing_is_found_where_nothing_is_sure() -> None:
    assert Persons(Ssd().eval()).find(np.zeros((300, 300, 3), np.uint8), surer=1.1) == []
