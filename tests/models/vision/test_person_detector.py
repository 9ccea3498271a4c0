"""The detector: its arithmetic here, its weights against TensorFlow's own run of the graph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.engine import TorchEngine
from models.errors import WeightsError
from models.vision.person_detector import (
    FILE,
    PersonDetector,
    PersonDetectorNetwork,
    anchors,
    decode_boxes,
    load,
)
from models.vision.ssdlite import SsdLite, read
from tests.models.packaged import folder
from tests.models.vision.test_graphdef import constant

GOLDEN = Path(__file__).parent / "persons_tensorflow.npz"


def test_there_are_as_many_anchors_as_scores() -> None:
    offsets, scores = SsdLite().eval()(torch.zeros(1, 3, 300, 300))
    assert len(anchors()) == 1917  # Liu et al., at 300 pixels
    assert offsets.shape == (1, 1917, 4)
    assert scores.shape == (1, 1917)


@given(st.integers(0, 1916))
def test_no_difference_is_the_anchor_itself(index: int) -> None:
    around = anchors()[index : index + 1]
    top, left, bottom, right = decode_boxes(torch.zeros(1, 4), around)[0].tolist()
    y, x, height, width = around[0].tolist()
    assert top == pytest.approx(max(0, y - height / 2), abs=1e-6)
    assert right == pytest.approx(min(1, x + width / 2), abs=1e-6)
    assert (left, bottom) >= (0, 0)
    assert max(right, bottom) <= 1


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(constant("a", np.zeros(4, np.float32)))
    with pytest.raises(WeightsError, match="not the weights of this detector"):
        load(tmp_path)


def test_nothing_is_found_where_nothing_is_sure() -> None:
    detector = PersonDetector(TorchEngine(PersonDetectorNetwork(SsdLite())))
    assert detector.detect(torch.zeros(2, 3, 300, 300), min_score=1.1) == [[], []]


def scene() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a drawn figure, (300, 300, 3): the picture that the golden numbers are for."""
    y, x = np.mgrid[0:300, 0:300] / 300
    ground = np.stack([120 + 80 * y, 140 + 40 * x, 100 + 60 * np.sin(9 * x)], -1)
    ellipses = (
        (0.3, 0.5, 0.09, 0.07, (220, 180, 150)),
        (0.6, 0.5, 0.22, 0.12, (40, 60, 120)),
        (0.85, 0.45, 0.15, 0.05, (30, 30, 40)),
        (0.85, 0.55, 0.15, 0.05, (30, 30, 40)),
        (0.5, 0.8, 0.05, 0.1, (200, 40, 40)),
    )
    for top, left, high, wide, shade in ellipses:
        ground[((y - top) / high) ** 2 + ((x - left) / wide) ** 2 < 1] = shade
    return ground.round().clip(0, 255).astype(np.uint8)


@pytest.mark.slow
def test_boxes_and_scores_are_those_of_tensorflow() -> None:
    """Golden: TensorFlow 2.21 running the same graph on `scene`, 80 anchors of 1,917."""
    golden = np.load(GOLDEN)
    picture = torch.from_numpy(scene()).permute(2, 0, 1).float()
    offsets, scores = read(folder("persons") / FILE)(picture[None])
    places = golden["index"].astype(int)
    # float32 through 60 layers, summed in another order
    np.testing.assert_allclose(offsets[0, places], golden["boxes"], atol=2e-4)
    np.testing.assert_allclose(scores[0].logit()[places], golden["logits"], atol=2e-4)
