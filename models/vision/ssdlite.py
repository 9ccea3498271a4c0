"""SSDLite on MobileNetV2, for 300 x 300 pixels: the network, and its weights from TensorFlow.

Sources: Liu et al. 2016 (SSD); Sandler et al. 2018 (MobileNetV2, SSDLite).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import WeightsError
from models.vision.efficientnet import SamePaddingConv2d
from models.vision.graphdef import constants

SIDE = 300  # pixels
EPSILON = 1e-3  # of batch normalization
# Expansion, channels out, stride: the inverted residuals of MobileNetV2, table 2.
RESIDUALS = (
    (1, 16, 1), (6, 24, 2), (6, 24, 1), (6, 32, 2), (6, 32, 1), (6, 32, 1),
    (6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1), (6, 96, 1), (6, 96, 1),
    (6, 96, 1), (6, 160, 2), (6, 160, 1), (6, 160, 1), (6, 320, 1),
)  # fmt: skip
# Channels of the 1 x 1 and the strided 3 x 3 convolution before each further feature map.
EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))


class ConvNormRelu6(nn.Module):
    """Convolution, batch normalization, and ReLU6 unless `linear`."""

    def __init__(
        self, inside: int, outside: int, *, kernel: int = 1, stride: int = 1, groups: int = 1,
        linear: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = SamePaddingConv2d(inside, outside, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outside, eps=EPSILON)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.linear else F.relu6(x)


class InvertedResidual(nn.Module):
    """MobileNetV2's inverted residual: expansion, depthwise convolution, projection."""

    def __init__(self, inside: int, outside: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = ConvNormRelu6(inside, wide) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNormRelu6(wide, wide, kernel=3, stride=stride, groups=wide)
        self.project = ConvNormRelu6(wide, outside, linear=True)
        self.added = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, and the expanded input."""
        wide = self.expand(x)
        out = self.project(self.depthwise(wide))
        return (out + x if self.added else out), wide


class PredictionHead(nn.Module):
    """`count` outputs at each position of a feature map."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.depthwise = ConvNormRelu6(channels, channels, kernel=3, groups=channels)
        self.out = nn.Conv2d(channels, count, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.depthwise(x))
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class SsdSizes:
    """Sizes of the network; `residuals` are expansion, channels out and stride of each.

    The expanded input of the residual `tap` is the first feature map. Each of `extras` has the
    channels of its 1 x 1 and its strided 3 x 3 convolution, and makes a further map. `boxes` are
    anchors at a position of each map.
    """

    residuals: tuple[tuple[int, int, int], ...] = RESIDUALS
    tap: int = 13
    last: int = 1280
    extras: tuple[tuple[int, int], ...] = EXTRAS
    boxes: tuple[int, ...] = (3, 6, 6, 6, 6, 6)

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of each feature map."""
        before = self.residuals[self.tap - 1][1]
        return (
            before * self.residuals[self.tap][0],
            self.last,
            *(wide for _, wide in self.extras),
        )


class SsdLite(nn.Module):
    """The network: box offsets from `anchors`, and scores."""

    def __init__(self, sizes: SsdSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or SsdSizes()
        self.stem = ConvNormRelu6(3, 32, kernel=3, stride=2)
        inside, blocks = 32, []
        for expansion, outside, stride in sizes.residuals:
            blocks.append(InvertedResidual(inside, outside, expansion, stride))
            inside = outside
        self.residuals = nn.ModuleList(blocks)
        self.last = ConvNormRelu6(inside, sizes.last)
        extras, inside = [], sizes.last
        for narrow, wide in sizes.extras:
            parts = (
                ConvNormRelu6(inside, narrow),
                ConvNormRelu6(narrow, narrow, kernel=3, stride=2, groups=narrow),
                ConvNormRelu6(narrow, wide),
            )
            extras.append(nn.Sequential(*parts))
            inside = wide
        self.extras = nn.ModuleList(extras)
        sized = list(zip(sizes.widths, sizes.boxes, strict=True))
        self.boxes = nn.ModuleList(PredictionHead(width, 4 * count) for width, count in sized)
        self.classes = nn.ModuleList(PredictionHead(width, 2 * count) for width, count in sized)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return offsets (batch, anchors, 4) and scores (batch, anchors).

        `images` are float32 (batch, 3, 300, 300), 0 to 255.
        """
        maps = self._maps(images * (2 / 255) - 1)
        boxes = [part(x) for part, x in zip(self.boxes, maps, strict=True)]
        classes = [part(x) for part, x in zip(self.classes, maps, strict=True)]
        both = _by_anchor(classes, 2)
        return _by_anchor(boxes, 4), both[..., 1].sigmoid()

    def _maps(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for index, block in enumerate(self.residuals):
            x, wide = block(x)
            if index == self.sizes.tap:
                maps.append(wide)
        x = self.last(x)
        maps.append(x)
        for extra in self.extras:
            x = extra(x)
            maps.append(x)
        return maps


def _by_anchor(maps: Sequence[Tensor], count: int) -> Tensor:
    """Return (batch, anchors, count) of outputs at the positions of each map."""
    return torch.cat([x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, count) for x in maps], 1)


def read(file: Path) -> SsdLite:
    """Return the network with the weights in `file`, a frozen graph, without gradients.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
    """
    stored = constants(file)
    network = SsdLite()
    try:
        for name, module in _places(network):
            _fill(module, name, stored)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{file}: not the weights of this detector ({error})") from error
    return network.eval().requires_grad_(False)


def _places(network: SsdLite) -> list[tuple[str, nn.Module]]:
    """Return the modules with the names of their nodes in the graph."""
    root = "FeatureExtractor/MobilenetV2"
    places: list[tuple[str, nn.Module]] = [
        (f"{root}/Conv", network.stem),
        (f"{root}/Conv_1", network.last),
    ]
    for index, block in enumerate(network.residuals):
        name = f"{root}/expanded_conv" + (f"_{index}" if index else "")
        assert isinstance(block, InvertedResidual)
        parts = {"expand": block.expand, "depthwise": block.depthwise, "project": block.project}
        places += [
            (f"{name}/{k}", part) for k, part in parts.items() if isinstance(part, ConvNormRelu6)
        ]
    for index, (extra, (narrow, wide)) in enumerate(
        zip(network.extras, network.sizes.extras, strict=True)
    ):
        assert isinstance(extra, nn.Sequential)
        one = f"{root}/layer_19_1_Conv2d_{index + 2}_1x1_{narrow}"
        two = f"{root}/layer_19_2_Conv2d_{index + 2}_3x3_s2_{wide}"
        places += zip((one, f"{two}_depthwise", two), extra, strict=True)
    for index in range(len(network.boxes)):
        for kind, predictors in (("BoxEncoding", network.boxes), ("Class", network.classes)):
            name = f"BoxPredictor_{index}/{kind}Predictor"
            predictor = predictors[index]
            assert isinstance(predictor, PredictionHead)
            places += [(f"{name}_depthwise", predictor.depthwise), (name, predictor.out)]
    return places


def _fill(module: nn.Module, name: str, stored: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the weights of the node `name` into `module`."""
    if isinstance(module, ConvNormRelu6):
        deep = module.conv.groups > 1
        kernel = stored[f"{name}/{'depthwise_weights' if deep else 'weights'}"]
        order = (2, 3, 0, 1) if deep else (3, 2, 0, 1)
        _copy(module.conv.weight, kernel.transpose(order))
        names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
        for theirs, ours in (names | {"moving_variance": "running_var"}).items():
            _copy(getattr(module.norm, ours), stored[f"{name}/BatchNorm/{theirs}"])
        return
    assert isinstance(module, nn.Conv2d)
    assert module.bias is not None
    _copy(module.weight, stored[f"{name}/weights"].transpose(3, 2, 0, 1))
    _copy(module.bias, stored[f"{name}/biases"])


@torch.no_grad()
def _copy(target: Tensor, values: NDArray[np.float32]) -> None:
    if target.shape != values.shape:
        raise RuntimeError(f"expected {tuple(target.shape)}, got {values.shape}")
    target.copy_(torch.from_numpy(np.ascontiguousarray(values)))
