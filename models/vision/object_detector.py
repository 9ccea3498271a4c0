"""Detects things of COCO's 80 kinds in images, by NanoDet-G: boxes, names and scores.

The network runs in an engine; which of its cells are things is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
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
from models.vision import nanodet
from models.vision.class_names import DETECTED
from models.vision.detection import Detection, non_max_suppression
from models.vision.nanodet import CELLS, FILES, KINDS, SIDE, NanoDet
from models.weights.checksums import weights_digest

MAX_BATCH = 16  # images in one run
MAX_CANDIDATES = 200  # of one image, the likeliest
# The network's scores are low, and those of things that it does not know are up to 0.45: a score
# counts as a probability of a half here. Chosen on the tuning half of the blind photographs.
HALF_SCORE, STEEPNESS = 0.52, 14.0


class ObjectDetectorNetwork(ExportableNetwork):
    """Boxes in pixels and scores of all cells of `images`, RGB of 0 to 255."""

    spec = EngineSpec(
        name="object-detector",
        inputs=(TensorSpec("images", torch.float32, ("batch", 3, SIDE, SIDE)),),
        outputs=(
            TensorSpec("boxes", torch.float32, ("batch", CELLS, 4)),
            TensorSpec("scores", torch.float32, ("batch", CELLS, KINDS)),
        ),
        profiles=({"batch": DimensionRange(1, 1, MAX_BATCH)},),
    )

    def __init__(self, model: NanoDet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = self.model(images)
        return boxes, scores


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a frame is in its square: offset and size in pixels; the rest is black."""

    x: int
    y: int
    width: int
    height: int


def letterboxed(frame: Tensor, side: int = SIDE) -> tuple[Tensor, Letterbox]:
    """Return `frame`, uint8 (3, height, width), in a float32 square, and where it is there."""
    height, width = frame.shape[1:]
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(frame[None], size, mode="bilinear", antialias=True).float()
    x, y = (side - size[1]) // 2, (side - size[0]) // 2
    square = F.pad(small[0], (x, side - size[1] - x, y, side - size[0] - y))
    return square, Letterbox(x, y, size[1], size[0])


def probability_of_score(scores: Tensor) -> Tensor:
    """Return how likely things are in boxes to which the network gives `scores`."""
    return ((scores - HALF_SCORE) * STEEPNESS).sigmoid()


class ObjectDetector:
    """Detects things in images, up to `MAX_BATCH` of them at once."""

    def __init__(self, network: Engine) -> None:
        self._network = network

    def detect(
        self, frames: Sequence[Tensor], *, min_score: float = 0.5
    ) -> list[tuple[Detection, ...]]:
        """Return the things with at least `min_score` in each frame, likeliest first.

        `frames` are uint8 (3, height, width) RGB, each of any size.
        """
        squares, places = zip(*map(letterboxed, frames), strict=True)
        made = self._network.run({"images": torch.stack(squares)})
        triples = zip(made["boxes"], made["scores"], places, strict=True)
        return [self._things(*each, min_score) for each in triples]

    def _things(
        self, boxes: Tensor, scores: Tensor, place: Letterbox, min_score: float
    ) -> tuple[Detection, ...]:
        likely = probability_of_score(scores.flatten()).topk(MAX_CANDIDATES)
        found = likely.indices[likely.values >= min_score]
        cells, kinds = found // KINDS, found % KINDS
        offset = torch.tensor([place.x, place.y] * 2)
        size = torch.tensor([place.width, place.height] * 2)
        parts = ((boxes[cells].cpu() - offset) / size).clamp(0, 1).numpy()
        sure = likely.values[: len(found)].cpu().numpy()
        things = []
        for index in non_max_suppression(parts, sure, kinds.cpu().numpy()):
            left, top, right, bottom = parts[index].tolist()
            name, score = DETECTED[int(kinds[index])], float(sure[index])
            things.append(Detection(name, left, top, right, bottom, score))
        return tuple(things)


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> ObjectDetector:
    """Return the detector with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: the engine cannot be built or loaded.
    """
    files = [folder / name for name in FILES]
    source = NetworkSource(
        spec=ObjectDetectorNetwork.spec,
        weights=weights_digest(*files),
        build=partial(_build, folder),
    )
    return ObjectDetector(load_engine(source))


def _build(folder: Path) -> ExportableNetwork:
    return ObjectDetectorNetwork(nanodet.read(folder))
