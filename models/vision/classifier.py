"""The classifier as engines: probabilities of images' classes, and where a class shows.

Two networks share the weights: one recognizes images, the other one makes activation maps of the
classes that were chosen of its result.
"""

from dataclasses import dataclass
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
from models.vision import efficientnet
from models.vision.efficientnet import CHANNELS, CLASSES, SIDE, EfficientNet
from models.weights.checksums import weights_digest

STRIDE = 32  # pixels of a cell of the features
CELLS = SIDE // STRIDE
MAX_BATCH = 16  # images in one run
BATCH = DimensionRange(1, 1, MAX_BATCH)
MAX_MAPS = 16  # of one image in one run

FEATURES = ("batch", CHANNELS, CELLS, CELLS)


class ClassifierNetwork(ExportableNetwork):
    """Recognizes `images`, RGB of 0 to 255."""

    spec = EngineSpec(
        name="classifier",
        inputs=(TensorSpec("images", torch.float32, ("batch", 3, SIDE, SIDE)),),
        outputs=(
            TensorSpec("probabilities", torch.float32, ("batch", CLASSES)),
            TensorSpec("features", torch.float32, FEATURES),
        ),
        profiles=({"batch": BATCH},),
    )

    def __init__(self, model: EfficientNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.model.features(images)
        return self.model.probabilities(features), features


class ActivationMapNetwork(ExportableNetwork):
    """Makes activation maps of `classes`, as many of each image, from their `features`."""

    spec = EngineSpec(
        name="activation-maps",
        inputs=(
            TensorSpec("features", torch.float32, FEATURES),
            TensorSpec("classes", torch.int64, ("batch", "count")),
        ),
        outputs=(TensorSpec("maps", torch.float32, ("batch", "count", CELLS, CELLS)),),
        profiles=({"batch": BATCH, "count": DimensionRange(1, 4, MAX_MAPS)},),
    )

    def __init__(self, model: EfficientNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        return self.model.activation_maps(features, classes)


@dataclass(frozen=True, slots=True, eq=False)
class ClassifiedImages:
    """`probabilities` are (batch, 1000); `features`, (batch, 1280, 7, 7), are for the maps."""

    probabilities: Tensor
    features: Tensor


class Classifier:
    """Recognizes images; up to `MAX_BATCH` of them at once."""

    def __init__(self, network: Engine, maps: Engine) -> None:
        self._network = network
        self._maps = maps

    def classify(self, images: Tensor) -> ClassifiedImages:
        """Recognize float32 (batch, 3, 224, 224), RGB 0 to 255."""
        return ClassifiedImages(**self._network.run({"images": images}))

    def activation_maps(self, features: Tensor, classes: Tensor) -> Tensor:
        """Return where `classes` show, (batch, count, 7, 7), of int64 (batch, count)."""
        return self._maps.run({"features": features, "classes": classes})["maps"]


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> Classifier:
    """Return the classifier with the weights in `folder`.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    file = folder / efficientnet.FILE
    digest = weights_digest(file)

    def engine(network: type[ClassifierNetwork | ActivationMapNetwork]) -> Engine:
        build = partial(_build, network, file)
        return load_engine(NetworkSource(spec=network.spec, weights=digest, build=build))

    return Classifier(engine(ClassifierNetwork), engine(ActivationMapNetwork))


def _build(
    network: type[ClassifierNetwork | ActivationMapNetwork], file: Path
) -> ExportableNetwork:
    return network(efficientnet.read(file))
