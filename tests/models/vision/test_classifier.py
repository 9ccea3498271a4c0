"""The packaged classifier: its files, and what it makes of a real photograph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import WeightsError
from models.vision.class_names import NAMES, grouped
from models.vision.classifier import load
from models.vision.efficientnet import FILE
from tests.models.assistant.scene.test_perception import photograph
from tests.models.packaged import folder


def test_missing_and_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        load(tmp_path)
    torch.save({"a": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(WeightsError, match="not EfficientNet-Lite0's weights"):
        load(tmp_path)


@pytest.mark.slow
def test_the_real_classifier_knows_a_cheetah() -> None:
    pixels = np.array(Image.fromarray(photograph("cheetah1.jpg")).resize((224, 224)))
    model = load(folder("efficientnet-lite0"))
    found = model.classify(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    assert NAMES[int(grouped(found.probabilities[0]).argmax())] == "cheetah"
