"""The networks of bodies and hands, from graph models of TensorFlow.js.

Each takes RGB pictures of 0 to 255, (batch, 3, side, side); its graph ends where decoding begins,
which is done here or by those who use it.

Sources: MoveNet (Google, model card "MoveNet.SinglePose", 2021); MediaPipe Hands (Zhang et al.
2020, arXiv 2006.10214), the lite model of landmarks; Handtrack.js (Dibia 2021), an SSD with a
feature pyramid (Lin et al. 2017) on MobileNetV2.
"""

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
)
from models.vision.tfjs.graph_model import GraphModel, read_graph_model
from models.vision.tfjs.network import GraphNetwork
from models.weights.checksums import weights_digest

POSE_SIDE, HAND_SIDE, DETECTOR_SIDE = 192, 224, 320  # pixels
POSE_CELLS = 48  # of MoveNet's maps, along a side
KEYPOINTS, LANDMARKS = 17, 21
MAX_BATCH = 4  # pictures in one run
ANCHORS = 12_804  # of the hand detector
DETECTOR_LEVELS = 5
NEAR = 1.8  # cells added to a distance: how MoveNet weighs what is far from a guess
ROOT = "StatefulPartitionedCall/"
BATCH = ({"batch": DimensionRange(1, 1, MAX_BATCH)},)


def _pictures(side: int) -> TensorSpec:
    return TensorSpec("images", torch.float32, ("batch", 3, side, side))


class PoseNetwork(ExportableNetwork):
    """The 17 keypoints of the person in the middle: x and y in parts of the side, and a score."""

    spec = EngineSpec(
        name="pose",
        inputs=(_pictures(POSE_SIDE),),
        outputs=(TensorSpec("keypoints", torch.float32, ("batch", KEYPOINTS, 3)),),
        profiles=BATCH,
    )

    def __init__(self, graph: GraphModel) -> None:
        super().__init__()
        heads = ("Sigmoid", "Sigmoid_1", "kpt_regress_0/conv2d_6/BiasAdd")
        names = [ROOT + name for name in (*heads, "kpt_offset_0/conv2d_7/BiasAdd")]
        self.graph = GraphNetwork(graph, [f"{ROOT}stack"], names)
        places = torch.arange(POSE_CELLS, dtype=torch.float32)
        rows, columns = torch.meshgrid(places, places, indexing="ij")
        self.register_buffer("rows", rows.reshape(-1))
        self.register_buffer("columns", columns.reshape(-1))
        middle = ((rows - POSE_CELLS / 2) ** 2 + (columns - POSE_CELLS / 2) ** 2).sqrt()
        self.register_buffer("middle", (1 / (middle + NEAR)).reshape(-1))

    def forward(self, images: Tensor) -> Tensor:
        """Return for each keypoint the peak near the place that the body's center expects."""
        heat, center, guess, offset = (
            made.reshape(images.shape[0], POSE_CELLS * POSE_CELLS, -1)
            for made in self.graph(images.permute(0, 2, 3, 1))
        )
        rows, columns = self.get_buffer("rows"), self.get_buffer("columns")
        middle = self.get_buffer("middle")
        body = (center[:, :, 0] * middle).argmax(1)[:, None]  # (B, 1)
        pairs = _at(guess, body).reshape(-1, KEYPOINTS, 2)  # y and x, from the body's center
        y = rows[body] + pairs[:, :, 0]
        x = columns[body] + pairs[:, :, 1]
        away = (rows[:, None] - y[:, None]) ** 2 + (columns[:, None] - x[:, None]) ** 2
        cell = (heat / (away.sqrt() + NEAR)).argmax(1)  # (B, 17)
        score = heat.gather(1, cell[:, None])[:, 0]
        exact = offset.reshape(-1, POSE_CELLS * POSE_CELLS, KEYPOINTS, 2)
        exact = exact.gather(1, cell[:, None, :, None].expand(-1, 1, -1, 2))[:, 0]
        found = [columns[cell] + exact[:, :, 1], rows[cell] + exact[:, :, 0]]
        return torch.stack([*(each / POSE_CELLS for each in found), score], 2)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Return the channels of `values`, (batch, cells, channels), at one cell each."""
    return values.gather(1, places[:, :, None].expand(-1, 1, values.shape[2]))[:, 0]


class HandDetectorNetwork(ExportableNetwork):
    """Offsets of boxes from anchors, and the probability of each kind, a face among them."""

    spec = EngineSpec(
        name="hand-detector",
        inputs=(TensorSpec("image", torch.float32, (1, 3, DETECTOR_SIDE, DETECTOR_SIDE)),),
        outputs=(
            TensorSpec("offsets", torch.float32, (1, ANCHORS, 4)),
            TensorSpec("scores", torch.float32, (1, ANCHORS, 7)),
        ),
    )

    def __init__(self, graph: GraphModel) -> None:
        super().__init__()
        root = f"{ROOT}WeightSharedConvolutionalBoxPredictor/WeightSharedConvolutional"
        numbers = ["", *(f"_{level}" for level in range(1, DETECTOR_LEVELS))]
        names = [
            f"{root}{head}/BiasAdd{number}"
            for head in ("BoxHead/BoxPredictor", "ClassHead/ClassPredictor")
            for number in numbers
        ]
        self.graph = GraphNetwork(graph, [f"{ROOT}map/TensorArrayV2Stack/TensorListStack"], names)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.graph(image.permute(0, 2, 3, 1) * (2 / 255) - 1)
        offsets = [each.reshape(1, -1, 4) for each in maps[:DETECTOR_LEVELS]]
        kinds = [each.reshape(1, -1, 8) for each in maps[DETECTOR_LEVELS:]]
        return torch.cat(offsets, 1), torch.cat(kinds, 1)[:, :, 1:].sigmoid()


class HandLandmarkNetwork(ExportableNetwork):
    """The landmarks of the hand in a picture, whether there is one, and whether it is a right one.

    `points` are x, y and depth in pixels of the picture; a hand is right as seen in a mirror.
    """

    spec = EngineSpec(
        name="hand-landmarks",
        inputs=(_pictures(HAND_SIDE),),
        outputs=(
            TensorSpec("points", torch.float32, ("batch", LANDMARKS, 3)),
            TensorSpec("scores", torch.float32, ("batch",)),
            TensorSpec("right", torch.float32, ("batch",)),
        ),
        profiles=BATCH,
    )

    def __init__(self, graph: GraphModel) -> None:
        super().__init__()
        self.graph = GraphNetwork(graph, ["input_1"], ["Identity", "Identity_1", "Identity_2"])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        points, scores, right = self.graph(images.permute(0, 2, 3, 1) / 255)
        return points.reshape(-1, LANDMARKS, 3), scores[:, 0], right[:, 0]


FILES: dict[type[ExportableNetwork], str] = {
    PoseNetwork: "movenet-lightning",
    HandDetectorNetwork: "handtrack",
    HandLandmarkNetwork: "handlandmark-lite",
}


def load(kind: type[ExportableNetwork], folder: Path, load_engine: EngineLoader) -> Engine:
    """Return the engine of the network `kind`, whose weights are in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: the engine cannot be built or loaded.
    """
    file = folder / f"{FILES[kind]}.json"
    digest = weights_digest(file, file.with_suffix(".bin"))
    return load_engine(
        NetworkSource(spec=kind.spec, weights=digest, build=partial(_build, kind, file))
    )


def _build(kind: type[ExportableNetwork], file: Path) -> ExportableNetwork:
    return kind(read_graph_model(file))
