"""Frames to tokens of a Video-LLM as networks that are exported; a batch may mix sessions."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.engine import (
    DimensionRange,
    Engine,
    EngineLoader,
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    TensorSpec,
)
from models.huggingface_files import weight_files
from models.vision.preprocessing import Normalization, preprocess
from models.vision.video_llm.qwen3_tower import Qwen3Tower, learned_places
from models.vision.video_llm.qwen_tower import QwenTower, rotation, window_mask
from models.vision.video_llm.siglip import SiglipTower
from models.weights.checksums import weights_digest

MAX_BATCH = 16  # frames in one run


def frame_spec(
    name: str, size: tuple[int, int], tokens: int, width: int, dtype: torch.dtype
) -> EngineSpec:
    """Return the tensors: normalized `images` of height and width `size` to `tokens` a frame."""
    return EngineSpec(
        name=name,
        inputs=(TensorSpec("images", dtype, ("batch", 3, *size)),),
        outputs=(TensorSpec("tokens", dtype, ("batch", tokens, width)),),
        profiles=({"batch": DimensionRange(1, 1, MAX_BATCH)},),
    )


class Projector(nn.Module):
    """Projects patch features to the decoder's width."""

    def __init__(self, vision: int, text: int, *, biased: bool) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(vision, text, bias=biased)
        self.linear_2 = nn.Linear(text, text, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.linear_2(F.gelu(self.linear_1(x)))
        return projected


def pool(features: Tensor, grid: int) -> Tensor:
    """Return features (count, grid * grid, width) with half the grid, rounded up."""
    square = features.transpose(1, 2).reshape(features.shape[0], -1, grid, grid)
    half = pooled(grid)
    return F.interpolate(square, (half, half), mode="bilinear").flatten(2).transpose(1, 2)


def pooled(grid: int) -> int:
    return math.ceil(grid / 2)


class LlavaFrameNetwork(ExportableNetwork):
    """SigLIP, projection and pooling of LLaVA-OneVision."""

    def __init__(self, tower: SiglipTower, projector: Projector, spec: EngineSpec) -> None:
        super().__init__()
        self.tower = tower
        self.projector = projector
        self.spec = spec

    def forward(self, images: Tensor) -> Tensor:
        return pool(self.projector(self.tower(images)), self.tower.config.grid)


class QwenFrameNetwork(ExportableNetwork):
    """Qwen2.5-VL's tower, for pictures of `rows` by `columns` cells."""

    def __init__(self, tower: QwenTower, rows: int, columns: int, spec: EngineSpec) -> None:
        super().__init__()
        self.tower = tower
        self.spec = spec
        cosines, sines = rotation(tower.config.width // tower.config.heads, rows, columns)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self.register_buffer("mask", window_mask(tower.config, rows, columns), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.tower(images, (self.cosines, self.sines), self.mask)
        return tokens


class Qwen3FrameNetwork(ExportableNetwork):
    """Qwen3-VL's tower, for pictures of `rows` by `columns` cells."""

    def __init__(self, tower: Qwen3Tower, rows: int, columns: int, spec: EngineSpec) -> None:
        super().__init__()
        self.tower = tower
        self.spec = spec
        config = tower.config
        cosines, sines = rotation(config.width // config.heads, rows, columns)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        places = learned_places(tower.positions.weight, rows, columns)
        self.register_buffer("places", places, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.tower(images, self.places, (self.cosines, self.sines))
        return tokens


class SmolFrameNetwork(ExportableNetwork):
    """SmolVLM2's SigLIP with its last norm, and the projection of `shuffle` x `shuffle` patches."""

    def __init__(
        self, tower: SiglipTower, norm: nn.LayerNorm, projector: nn.Linear, spec: EngineSpec
    ) -> None:
        super().__init__()
        self.tower, self.norm, self.projector, self.spec = tower, norm, projector, spec
        self.shuffle = math.isqrt(projector.in_features // tower.config.width)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.tower(images))
        tokens: Tensor = self.projector(shuffled(features, self.tower.config.grid, self.shuffle))
        return tokens


def shuffled(features: Tensor, grid: int, factor: int) -> Tensor:
    """Return features (count, grid * grid, width) of cells of `factor` x `factor` patches.

    A cell has the features of its patches side by side, row by row.

    Source: pixel shuffle of SmolVLM, Marafioti et al. 2025, section 2.2.
    """
    width, side = features.shape[-1], grid // factor
    cells = features.view(-1, side, factor, side, factor, width).transpose(2, 3)
    return cells.reshape(-1, side * side, factor * factor * width)


class FrameEncoder:
    """Makes tokens of frames."""

    def __init__(self, engine: Engine, normalization: Normalization, device: str) -> None:
        """Run `engine`; frames are prepared on `device`."""
        self._engine = engine
        self._normalization = normalization
        self._device = device
        (images,) = engine.spec.inputs
        self._type = images.dtype
        self._size = int(images.shape[2]), int(images.shape[3])

    @property
    def tokens(self) -> int:
        """The tokens of a frame."""
        return int(self._engine.spec.outputs[0].shape[1])

    def encode_frames(self, pixels: Tensor) -> Tensor:
        """Return the tokens, (count, tokens, width), of uint8 (count, height, width, 3) RGB.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        images = preprocess(pixels.to(self._device), self._normalization, size=self._size)
        return self.encode_images(images.to(self._type))

    def encode_images(self, images: Tensor) -> Tensor:
        """Return the tokens of normalized pictures (count, 3, height, width)."""
        batches = torch.split(images, MAX_BATCH)
        return torch.cat([self._engine.run({"images": some})["tokens"] for some in batches])


def load_frames(
    folder: Path,
    spec: EngineSpec,
    build: Callable[[], ExportableNetwork],
    load_engine: EngineLoader,
) -> Engine:
    """Return the engine that makes tokens, of the weights in `folder`.

    Raises:
        WeightsError: a file is missing, or does not fit.
        EngineError: it cannot be built or loaded.
    """
    digest = weights_digest(*weight_files(folder))
    return load_engine(NetworkSource(spec=spec, weights=digest, build=build))
