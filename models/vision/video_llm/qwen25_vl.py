"""Qwen2.5-VL from Hugging Face files: frames are tokens on a grid in time.

Text after a video continues after its largest position, as in the papers and in transformers 4.
In transformers 5 it continues after the rows and columns; this differs for long videos only.

Source: Bai et al. 2025 (Qwen2.5-VL).
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from models.engine import EngineSpec
from models.errors import WeightsError
from models.huggingface_files import fill, read_config
from models.language.huggingface import read_decoder_config
from models.memory.positions import GridPositions
from models.vision.video_llm.assembly import ModelFolder, tensors_below
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import QwenFrameNetwork, frame_spec
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen_tower import (
    FRAME_TENSORS,
    RENAMED,
    QwenTower,
    QwenTowerConfig,
    qwen_tower_config,
)

TEMPLATE = ChatTemplate(
    opening=(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|>"
    ),
    to_assistant="<|im_end|>\n<|im_start|>assistant\n",
    to_user="<|im_end|>\n<|im_start|>user\n",
    end="<|im_end|>",
    video_end="<|vision_end|>",
)


def read_qwen25_vl(
    source: ModelFolder,
    *,
    rows: int = 10,
    columns: int = 18,
) -> VideoLlm:
    """Return the model in a folder in the hub's format.

    Frames are resized to `rows` by `columns` tokens of 28 pixels: by default 280 x 504.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(source.path, "qwen2_5_vl")
    text = {
        **(config.get("text_config") or config)
    }  # early files have the sizes of the text model at the top level
    text["tie_word_embeddings"] = config.get(
        "tie_word_embeddings", text.get("tie_word_embeddings", False)
    )
    try:
        vision = qwen_tower_config(config["vision_config"])
    except KeyError as error:
        raise WeightsError(f"{source.path}: config.json has no {error}") from error
    size = (rows * vision.cell, columns * vision.cell)
    spec = frame_spec("qwen2.5-vl-frames", size, rows * columns, vision.out_width, source.dtype)
    rate = config["vision_config"].get("tokens_per_second", 4)
    return source.assemble(
        read_decoder_config(source.path, text),
        source.language_tensors(f"^{FRAME_TENSORS}"),
        spec,
        partial(_build_frames, vision, rows, columns, spec),
        frame_tensors=f"^{FRAME_TENSORS}",
        template=TEMPLATE,
        tokenizer=source.tokenizer(TEMPLATE),
        positions=lambda interval: GridPositions(rows=rows, columns=columns, step=rate * interval),
        located_in=(columns * vision.cell, rows * vision.cell),
    )


def _build_frames(
    vision: QwenTowerConfig,
    rows: int,
    columns: int,
    spec: EngineSpec,
    tensors: Mapping[str, Tensor],
) -> QwenFrameNetwork:
    with torch.device("meta"):
        tower = QwenTower(vision)
    filled = fill(tower, tensors_below(tensors, FRAME_TENSORS, RENAMED), "Qwen2.5-VL's tower")
    return QwenFrameNetwork(filled, rows, columns, spec)
