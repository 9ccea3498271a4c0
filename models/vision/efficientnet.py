"""EfficientNet-Lite0: probabilities of ImageNet's 1,000 classes, and their activation maps.

Source: Tan and Le 2019 (EfficientNet), in its Lite form without squeeze-and-excitation.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError

FILE = "efficientnet-lite0-57934424.pth"
SIDE = 224  # pixels
MEAN, STD = 127.0, 128.0  # of 0..255, as in the training of the Lite models
# Blocks, kernel, stride of the first, expansion, channels out; Tan and Le 2019, table 1.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
CHANNELS, CLASSES = 1280, 1000
EPSILON = 1e-3  # of batch normalization, as in the TensorFlow original


class SamePaddingConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding: an odd pixel is added at the right and bottom."""

    def __init__(
        self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inside, outside, kernel, stride, groups=groups, bias=False)
        self._kernel, self._stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        height, width = (self._padding(size) for size in x.shape[-2:])
        return super().forward(F.pad(x, (*width, *height)))

    def _padding(self, size: int) -> tuple[int, int]:
        steps = -(-size // self._stride)
        total = max(0, (steps - 1) * self._stride + self._kernel - size)
        return total // 2, total - total // 2


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class MBConvBlock(nn.Module):
    """Expansion, depthwise convolution and projection; residual if the shape stays the same."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.added = stride == 1 and inside == outside
        if expansion > 1:
            self._expand_conv = SamePaddingConv2d(inside, wide, 1)
            self._bn0 = _norm(wide)
        self.expanded = expansion > 1
        self._depthwise_conv = SamePaddingConv2d(wide, wide, kernel, stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = SamePaddingConv2d(wide, outside, 1)
        self._bn2 = _norm(outside)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        if self.expanded:
            out = F.relu6(self._bn0(self._expand_conv(out)))
        out = F.relu6(self._bn1(self._depthwise_conv(out)))
        out = self._bn2(self._project_conv(out))
        done: Tensor = out + x if self.added else out
        return done


class EfficientNet(nn.Module):
    """The classifier; attribute names are those of the stored weights."""

    def __init__(self, stages: Sequence[tuple[int, int, int, int, int]] = STAGES) -> None:
        super().__init__()
        self._conv_stem = SamePaddingConv2d(3, 32, 3, 2)
        self._bn0 = _norm(32)
        blocks, inside = [], 32
        for count, kernel, stride, expansion, outside in stages:
            for index in range(count):
                step = stride if index == 0 else 1
                blocks.append(MBConvBlock(inside, outside, kernel, step, expansion))
                inside = outside
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SamePaddingConv2d(inside, CHANNELS, 1)
        self._bn1 = _norm(CHANNELS)
        self._fc = nn.Linear(CHANNELS, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """Return features (batch, 1280, 7, 7) of float32 (batch, 3, 224, 224), RGB 0 to 255."""
        x = (images - MEAN) / STD
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        out: Tensor = F.relu6(self._bn1(self._conv_head(x)))
        return out

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of each class, (batch, 1000)."""
        scores: Tensor = self._fc(features.mean((-2, -1)))
        return scores.softmax(-1)

    def activation_maps(self, features: Tensor, classes: Tensor) -> Tensor:
        """Return the activation maps, (batch, count, 7, 7), of `classes`, int64 (batch, count).

        Source: Zhou et al. 2016 (class activation maps).
        """
        maps = self._fc.weight[classes] @ features.flatten(2)
        return maps.view(*classes.shape, *features.shape[2:])


def read(file: Path) -> EfficientNet:
    """Return the network with the weights in `file`, without gradients.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
    """
    model = EfficientNet()
    try:
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{file}: not EfficientNet-Lite0's weights ({error})") from error
    return model.eval().requires_grad_(False)
