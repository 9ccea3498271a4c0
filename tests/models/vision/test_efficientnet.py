"""The classifier's network: its padding against TensorFlow's rule, its activation maps."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from hypothesis import given
from hypothesis import strategies as st

from models.errors import WeightsError
from models.vision.class_names import NAMES, SPOKEN, grouped
from models.vision.efficientnet import FILE, EfficientNet, SamePaddingConv2d, read


@given(st.integers(4, 20), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]))
def test_padding_is_that_of_tensorflow(size: int, kernel: int, stride: int) -> None:
    """`SAME` there: ceil(size / stride) outputs, and the odd pixel goes after."""
    conv = SamePaddingConv2d(1, 1, kernel, stride)
    x = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(size))
    outputs = -(-size // stride)
    before = max(0, (outputs - 1) * stride + kernel - size) // 2
    wide = F.pad(x, (before, kernel, before, kernel))  # more than enough after
    expected = F.conv2d(wide, conv.weight, stride=stride)[..., :outputs, :outputs]
    torch.testing.assert_close(conv(x), expected)


def test_a_map_averages_to_the_score_of_its_class() -> None:
    model = EfficientNet().eval()
    features = torch.rand(2, 1280, 7, 7, generator=torch.Generator().manual_seed(1))
    classes = torch.tensor([[3, 5, 8], [700, 3, 9]])
    with torch.no_grad():
        scores = model._fc(features.mean((-2, -1))).gather(1, classes)
        maps = model.activation_maps(features, classes)
    torch.testing.assert_close(maps.mean((-2, -1)), scores - model._fc.bias[classes])


def test_kinds_of_one_thing_share_a_name_and_their_shares_add_up() -> None:
    shares = torch.zeros(1000)
    shares[[151, 207, 281]] = torch.tensor([0.3, 0.4, 0.3])  # a Chihuahua, a retriever, a tabby
    found = grouped(shares)
    assert found[NAMES.index("dog")] == pytest.approx(0.7)
    assert found[NAMES.index("cat")] == pytest.approx(0.3)
    assert len(SPOKEN) == 1000
    assert float(grouped(torch.full((1000,), 1e-3)).sum()) == pytest.approx(1.0)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with pytest.raises(WeightsError, match="not EfficientNet-Lite0's weights"):
        read(file)
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="not EfficientNet-Lite0's weights"):
        read(file)
