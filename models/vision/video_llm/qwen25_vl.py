"""Qwen2.5-VL from Hugging Face files: frames to tokens on a grid in time, questions to prompts.

Text after a video continues after its largest position, as in the papers and in transformers 4.
In transformers 5 it continues after the rows and columns; this differs for long videos only.

Source: Bai et al. 2025 (Qwen2.5-VL).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.engine import EngineLoader, EngineSpec, load_in_torch
from models.errors import WeightsError
from models.huggingface_files import fill, read_config, read_tensors
from models.language.decoder import Decoder
from models.language.huggingface import decoder_state, read_decoder_config
from models.language.tokenizer import ChatTokenizer, load_tokenizer
from models.memory.positions import GridPositions
from models.vision.preprocessing import read_normalization
from models.vision.video_llm.frame_networks import (
    FrameEncoder,
    QwenFrameNetwork,
    frame_spec,
    load_frames,
)
from models.vision.video_llm.qwen_tower import (
    QwenTower,
    QwenTowerConfig,
    qwen_tower_config,
    qwen_tower_weights,
)

# The chat template of the model; the video is between the two parts.
OPENING = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
)
FRAME_TENSORS = r"^(model\.)?visual\."  # those of what makes tokens of frames
VIDEO_END = "<|vision_end|>"
CLOSING = "<|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Qwen25Vl:
    """The model, for frames of `rows` by `columns` tokens."""

    frames: FrameEncoder
    decoder: Decoder
    tokenizer: ChatTokenizer
    cell: int  # pixels
    rows: int
    columns: int
    positions_per_second: int

    @property
    def opening(self) -> Tensor:
        """The tokens before the video, int64 (count,)."""
        return self.tokenizer.encode_template(OPENING)

    @property
    def located_in(self) -> tuple[int, int]:
        """The width and height, in pixels, that the boxes in its answers refer to."""
        return self.columns * self.cell, self.rows * self.cell

    def positions(self, interval: float) -> GridPositions:
        """Return the positions of a video with a frame every `interval` seconds."""
        return GridPositions(
            rows=self.rows, columns=self.columns, step=self.positions_per_second * interval
        )

    def encode_frames(self, pixels: Tensor) -> Tensor:
        """Return the tokens of frames, (count, rows * columns, width).

        `pixels` is uint8 (count, height, width, 3), RGB.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        return self.frames.encode_frames(pixels)

    @torch.no_grad()
    def prompt(self, question: str) -> Tensor:
        """Return everything after the video, as embeddings (count, width)."""
        parts = (
            self.tokenizer.encode_template(VIDEO_END),
            self.tokenizer.encode_user_text(question),
            self.tokenizer.encode_template(CLOSING),
        )
        return self.decoder.embed(torch.cat(parts))


def read_qwen25_vl(
    folder: Path,
    *,
    rows: int = 10,
    columns: int = 18,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    load_engine: EngineLoader = load_in_torch,
) -> Qwen25Vl:
    """Return the model in `folder`, in the hub's format.

    Frames are resized to `rows` by `columns` tokens of 28 pixels: by default 280 x 504.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(folder, "qwen2_5_vl")
    text = {
        **(config.get("text_config") or config)
    }  # early files have the sizes of the text model at the top level
    text["tie_word_embeddings"] = config.get(
        "tie_word_embeddings", text.get("tie_word_embeddings", False)
    )
    try:
        vision = qwen_tower_config(config["vision_config"])
    except KeyError as error:
        raise WeightsError(f"{folder}: config.json has no {error}") from error
    shape = read_decoder_config(folder, text)
    tokenizer = load_tokenizer(folder / "tokenizer.json", device=device)
    tensors = read_tensors(folder, device=device, dtype=dtype, without=FRAME_TENSORS)
    with torch.device("meta"):
        decoder = Decoder(shape)
    size = (rows * vision.cell, columns * vision.cell)
    spec = frame_spec("qwen2.5-vl-frames", size, rows * columns, vision.out_width, dtype)
    build = partial(_build_frames, folder, vision, rows, columns, spec)
    engine = load_frames(folder, spec, build, load_engine)
    return Qwen25Vl(
        frames=FrameEncoder(engine, read_normalization(folder), device),
        decoder=fill(decoder, decoder_state(tensors, shape), "a Qwen2.5-VL decoder"),
        tokenizer=tokenizer,
        cell=vision.cell,
        rows=rows,
        columns=columns,
        positions_per_second=config["vision_config"].get("tokens_per_second", 4),
    )


def _build_frames(
    folder: Path, vision: QwenTowerConfig, rows: int, columns: int, spec: EngineSpec
) -> QwenFrameNetwork:
    tensors = read_tensors(folder, dtype=spec.inputs[0].dtype, only=FRAME_TENSORS)
    with torch.device("meta"):
        tower = QwenTower(vision)
    filled = fill(tower, qwen_tower_weights(tensors), "Qwen2.5-VL's tower")
    return QwenFrameNetwork(filled, rows, columns, spec)
