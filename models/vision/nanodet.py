"""NanoDet-G for 416 x 416 pixels: where things of COCO's 80 kinds may be.

The network is the part of a graph of TensorFlow.js up to its outputs of each level; what follows
is done here.

Sources: NanoDet, RangiLyu 2021; boxes as in Generalized Focal Loss, Li et al. 2020, section 3.2.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.vision.tfjs.graph_model import read_graph_model
from models.vision.tfjs.network import GraphNetwork

FILES = ("nanodet.json", "nanodet.bin")
SIDE = 416  # pixels
STRIDES = (8, 16, 32)  # pixels of a cell, by level
CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)
KINDS = 80
BINS = 11  # distances to each side of a box, from 0 to 10 cells, that the network tells apart
# Of 0 to 255, blue, green, red, as in training.
MEAN, STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
INPUT = "input_1"
PREFIX = "PartitionedCall/onnx_tf_prefix_"
SCORES = tuple(f"{PREFIX}Sigmoid_{number}" for number in (154, 165, 176))  # by level
SIDES = tuple(f"{PREFIX}Split_{number}:1" for number in (153, 164, 175))


class NanoDet(nn.Module):
    """The network: boxes and scores of the cells of all levels.

    `levels` returns the scores of each level, (batch, 80, rows, columns), and then the logits of
    the distances to the left, top, right and bottom of each, (batch, 4 * 11, rows, columns).
    """

    def __init__(self, levels: nn.Module) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])
        self.register_buffer("centers", cell_centers())  # (cells, 2): x and y
        self.register_buffer("bins", torch.arange(float(BINS)))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (batch, cells, 4) and scores (batch, cells, 80).

        `images` are float32 (batch, 3, 416, 416), RGB 0 to 255. A box is left, top, right, bottom,
        in pixels; parts of it may be outside the image.
        """
        outputs = self.levels((images.flip(1) - self.get_buffer("mean")) / self.get_buffer("std"))
        count = len(STRIDES)
        scores = torch.cat([level.flatten(2) for level in outputs[:count]], 2).transpose(1, 2)
        logits = [level.flatten(2).transpose(1, 2) for level in outputs[count:]]
        distances = torch.cat(
            [
                level.unflatten(2, (4, BINS)).softmax(3) @ self.get_buffer("bins") * stride
                for level, stride in zip(logits, STRIDES, strict=True)
            ],
            1,
        )
        centers = self.get_buffer("centers")
        boxes = torch.cat([centers - distances[..., :2], centers + distances[..., 2:]], 2)
        return boxes, scores


def cell_centers() -> Tensor:
    """Return the x and y of the center of each cell in pixels, (cells, 2), level by level."""
    parts = []
    for stride in STRIDES:
        along = (torch.arange(SIDE // stride) + 0.5) * stride
        parts.append(torch.cartesian_prod(along, along).flip(1))
    return torch.cat(parts)


def read(folder: Path) -> NanoDet:
    """Return the network with the weights in `folder`, without gradients.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
    """
    graph = read_graph_model(folder / FILES[0])
    return NanoDet(GraphNetwork(graph, [INPUT], [*SCORES, *SIDES])).eval()
