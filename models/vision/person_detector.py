"""Detects persons in images, by SSDLite on MobileNetV2.

The weights, from images of pedestrians, are read from a frozen TensorFlow graph. The network runs
in an engine; which of its 1,917 anchors are persons is decided here.

Source: Liu et al. 2016 (SSD).
"""

import math
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.engine import (
    DimensionRange,
    Engine,
    EngineLoader,
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    TensorSpec,
    load_in_torch,
)
from models.vision import ssdlite
from models.vision.class_names import PERSON
from models.vision.detection import Detection, non_max_suppression
from models.vision.ssdlite import SIDE, SsdLite
from models.weights.checksums import weights_digest

FILE = "frozen_inference_graph.pb"
MAX_BATCH = 16  # images in one run
LEVELS = (19, 10, 5, 3, 2, 1)  # positions along a side of each feature map
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)  # of the frame; the last is used for a mean only
RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)


class PersonDetectorNetwork(ExportableNetwork):
    """Box offsets from `anchors` in `images`, RGB of 0 to 255, and scores of persons."""

    spec = EngineSpec(
        name="person-detector",
        inputs=(TensorSpec("images", torch.float32, ("batch", 3, SIDE, SIDE)),),
        outputs=(
            TensorSpec("offsets", torch.float32, ("batch", 1917, 4)),
            TensorSpec("scores", torch.float32, ("batch", 1917)),
        ),
        profiles=({"batch": DimensionRange(1, 1, MAX_BATCH)},),
    )

    def __init__(self, model: SsdLite) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        offsets, scores = self.model(images)
        return offsets, scores


def anchors() -> Tensor:
    """Return the anchor boxes, (anchors, 4): center y, center x, height, width."""
    rows = []
    for level, cells in enumerate(LEVELS):
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


class PersonDetector:
    """Detects persons in images, up to `MAX_BATCH` of them at once."""

    def __init__(self, network: Engine) -> None:
        self._network = network
        self._anchors = anchors()

    def detect(self, images: Tensor, *, min_score: float = 0.5) -> list[list[Detection]]:
        """Return the persons with at least `min_score` in each image, likeliest first.

        `images` are float32 (batch, 3, 300, 300), RGB 0 to 255.
        """
        made = self._network.run({"images": images})
        pairs = zip(made["offsets"], made["scores"], strict=True)
        return [self._persons(offsets, scores, min_score) for offsets, scores in pairs]

    def _persons(self, offsets: Tensor, scores: Tensor, min_score: float) -> list[Detection]:
        sure = scores >= min_score
        boxes, scores = decode_boxes(offsets[sure], self._anchors[sure]), scores[sure]
        found = []
        for index in non_max_suppression(boxes.numpy(), scores.numpy()):
            top, left, bottom, right = boxes[index].tolist()
            found.append(Detection(PERSON, left, top, right, bottom, float(scores[index])))
        return found


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> PersonDetector:
    """Return the detector with the weights in `folder`.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
        EngineError: the engine cannot be built or loaded.
    """
    file = folder / FILE
    source = NetworkSource(
        spec=PersonDetectorNetwork.spec, weights=weights_digest(file), build=partial(_build, file)
    )
    return PersonDetector(load_engine(source))


def _build(file: Path) -> ExportableNetwork:
    return PersonDetectorNetwork(ssdlite.read(file))
