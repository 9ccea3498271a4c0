"""A person detector: SSDLite on MobileNetV2, for 300 x 300 pixels.

The weights, from images of pedestrians, are read from a frozen TensorFlow graph.

Sources: Liu et al. 2016 (SSD); Sandler et al. 2018 (MobileNetV2, SSDLite).
"""

import math
from collections.abc import Mapping
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

FILE = "frozen_inference_graph.pb"
SIDE = 300  # pixels
EPSILON = 1e-3
# Expansion, channels out, stride: the inverted residuals of MobileNetV2, table 2.
RESIDUALS = (
    (1, 16, 1), (6, 24, 2), (6, 24, 1), (6, 32, 2), (6, 32, 1), (6, 32, 1),
    (6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1), (6, 96, 1), (6, 96, 1),
    (6, 96, 1), (6, 160, 2), (6, 160, 1), (6, 160, 1), (6, 320, 1),
)  # fmt: skip
TAP = 13  # the expanded input of this block is the first feature map
EXTRAS = (
    (256, 512),
    (128, 256),
    (128, 256),
    (64, 128),
)  # channels of the 1 x 1 and the strided 3 x 3 convolution
WIDTHS = (576, 1280, 512, 256, 256, 128)  # channels of the six feature maps
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)  # of the frame; the last is used for a mean only
RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)
MAX_IOU = 0.6  # boxes with a higher IoU count as one, as in the graph


@dataclass(frozen=True, slots=True)
class Person:
    """A box in fractions of the frame's width and height, and its score, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


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


class SsdLite(nn.Module):
    """The network: box offsets from `anchors`, and scores."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNormRelu6(3, 32, kernel=3, stride=2)
        inside, blocks = 32, []
        for expansion, outside, stride in RESIDUALS:
            blocks.append(InvertedResidual(inside, outside, expansion, stride))
            inside = outside
        self.residuals = nn.ModuleList(blocks)
        self.last = ConvNormRelu6(inside, 1280)
        extras, inside = [], 1280
        for narrow, wide in EXTRAS:
            parts = (
                ConvNormRelu6(inside, narrow),
                ConvNormRelu6(narrow, narrow, kernel=3, stride=2, groups=narrow),
                ConvNormRelu6(narrow, wide),
            )
            extras.append(nn.Sequential(*parts))
            inside = wide
        self.extras = nn.ModuleList(extras)
        anchors = [3, 6, 6, 6, 6, 6]
        sized = list(zip(WIDTHS, anchors, strict=True))
        self.boxes = nn.ModuleList(PredictionHead(width, 4 * count) for width, count in sized)
        self.classes = nn.ModuleList(PredictionHead(width, 2 * count) for width, count in sized)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return offsets (anchors, 4) and scores (anchors,) of float32 (3, 300, 300), 0 to 255."""
        maps = self._maps(image[None] * (2 / 255) - 1)
        boxes = [part(x) for part, x in zip(self.boxes, maps, strict=True)]
        classes = [part(x) for part, x in zip(self.classes, maps, strict=True)]
        flat = torch.cat([x[0].permute(1, 2, 0).reshape(-1, 4) for x in boxes])
        both = torch.cat([x[0].permute(1, 2, 0).reshape(-1, 2) for x in classes])
        return flat, both[:, 1].sigmoid()

    def _maps(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for index, block in enumerate(self.residuals):
            x, wide = block(x)
            if index == TAP:
                maps.append(wide)
        x = self.last(x)
        maps.append(x)
        for extra in self.extras:
            x = extra(x)
            maps.append(x)
        return maps


def anchors() -> Tensor:
    """Return the anchor boxes, (anchors, 4): center y, center x, height, width."""
    rows = []
    for level, cells in enumerate((19, 10, 5, 3, 2, 1)):
        shapes = _shapes(level)
        for y in range(cells):
            for x in range(cells):
                rows += [((y + 0.5) / cells, (x + 0.5) / cells, h, w) for h, w in shapes]
    return torch.tensor(rows)


def _shapes(level: int) -> list[tuple[float, float]]:
    """Return the heights and widths of the anchors of one feature map."""
    if level == 0:
        pairs = [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]
    else:
        pairs = [(SCALES[level], ratio) for ratio in RATIOS]
        pairs.append((math.sqrt(SCALES[level] * SCALES[level + 1]), 1.0))
    return [(scale / ratio**0.5, scale * ratio**0.5) for scale, ratio in pairs]


def decode_boxes(differences: Tensor, around: Tensor) -> Tensor:
    """Return boxes (anchors, 4), top, left, bottom, right, of SSD's encoded offsets."""
    center = differences[:, :2] / 10 * around[:, 2:] + around[:, :2]
    size = (differences[:, 2:] / 5).exp() * around[:, 2:]
    return torch.cat([center - size / 2, center + size / 2], 1).clamp(0, 1)


def non_max_suppression(boxes: Tensor, scores: Tensor, *, max_iou: float = MAX_IOU) -> list[int]:
    """Return the indexes of boxes that no box with a higher score overlaps, best first."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        low = torch.maximum(boxes[kept, :2], boxes[index, :2])
        high = torch.minimum(boxes[kept, 2:], boxes[index, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        whole = area[kept] + area[index] - shared
        if not bool((shared > max_iou * whole).any()):
            kept.append(index)
    return kept


class PersonDetector:
    """Detects persons in pictures."""

    def __init__(self, network: SsdLite) -> None:
        self.network = network
        self._anchors = anchors()

    @torch.no_grad()
    def detect(self, pixels: NDArray[np.uint8], *, min_score: float = 0.5) -> list[Person]:
        """Return the persons in uint8 (300, 300, 3) RGB with at least `min_score`."""
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float()
        differences, scores = self.network(image)
        sure = scores >= min_score
        boxes, scores = decode_boxes(differences[sure], self._anchors[sure]), scores[sure]
        found = []
        for index in non_max_suppression(boxes, scores):
            top, left, bottom, right = boxes[index].tolist()
            found.append(Person(left, top, right, bottom, float(scores[index])))
        return found


def load(folder: Path) -> PersonDetector:
    """Return the detector with the weights in `folder`, without gradients.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
    """
    file = folder / FILE
    stored = constants(file)
    network = SsdLite()
    try:
        for name, module in _places(network):
            _fill(module, name, stored)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{file}: not the weights of this detector ({error})") from error
    return PersonDetector(network.eval().requires_grad_(False))


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
    for index, (extra, (narrow, wide)) in enumerate(zip(network.extras, EXTRAS, strict=True)):
        assert isinstance(extra, nn.Sequential)
        one = f"{root}/layer_19_1_Conv2d_{index + 2}_1x1_{narrow}"
        two = f"{root}/layer_19_2_Conv2d_{index + 2}_3x3_s2_{wide}"
        places += zip((one, f"{two}_depthwise", two), extra, strict=True)
    for index in range(len(WIDTHS)):
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
