"""Qwen3-VL from Hugging Face files: frames are grids of tokens, with their times as text.

Each frame is one patch in time, repeated as a still image is; the model was trained with two frames
in one patch. Its boxes are in thousandths of the picture.

Source: Bai et al. 2025 (Qwen3-VL).
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from models.engine import EngineSpec
from models.errors import WeightsError
from models.huggingface_files import fill, read_config
from models.language.huggingface import read_decoder_config
from models.memory.positions import LabelledGridPositions
from models.vision.video_llm.assembly import ModelFolder, tensors_below
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import Qwen3FrameNetwork, frame_spec
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen3_tower import (
    RENAMED,
    Qwen3Tower,
    Qwen3TowerConfig,
    qwen3_tower_config,
)
from models.vision.video_llm.qwen_tower import FRAME_TENSORS


def label(time: float) -> str:
    """Return the text before a frame."""
    return f"<{time:.1f} seconds><|vision_start|>"


TEMPLATE = ChatTemplate(
    opening="<|im_start|>user\n",
    to_assistant="<|im_end|>\n<|im_start|>assistant\n",
    to_user="<|im_end|>\n<|im_start|>user\n",
    end="<|im_end|>",
    label=label,
    frame_end="<|vision_end|>",
)


def read_qwen3_vl(
    source: ModelFolder,
    *,
    rows: int = 10,
    columns: int = 18,
) -> VideoLlm:
    """Return the model in a folder in the hub's format.

    Frames are resized to `rows` by `columns` tokens of 32 pixels: by default 320 x 576.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(source.path, "qwen3_vl")
    try:
        text = dict(config["text_config"])
        vision = qwen3_tower_config(config["vision_config"])
    except KeyError as error:
        raise WeightsError(f"{source.path}: config.json has no {error}") from error
    text["tie_word_embeddings"] = config.get("tie_word_embeddings", False)
    size = (rows * vision.cell, columns * vision.cell)
    width = vision.out_width * (1 + len(vision.deep))
    spec = frame_spec("qwen3-vl-frames", size, rows * columns, width, source.dtype)
    tokenizer = source.tokenizer(TEMPLATE)
    before, after = (
        len(tokenizer.encode_template(each)) for each in (label(0.0), TEMPLATE.frame_end)
    )
    places = LabelledGridPositions(rows=rows, columns=columns, before=before, after=after)
    return source.assemble(
        read_decoder_config(source.path, text),
        source.language_tensors(f"^{FRAME_TENSORS}"),
        spec,
        partial(_build_frames, vision, rows, columns, spec),
        frame_tensors=f"^{FRAME_TENSORS}",
        template=TEMPLATE,
        tokenizer=tokenizer,
        positions=lambda _interval: places,
        located_in=(1000, 1000),
    )


def _build_frames(
    vision: Qwen3TowerConfig,
    rows: int,
    columns: int,
    spec: EngineSpec,
    tensors: Mapping[str, Tensor],
) -> Qwen3FrameNetwork:
    with torch.device("meta"):
        tower = Qwen3Tower(vision)
    filled = fill(tower, tensors_below(tensors, FRAME_TENSORS, RENAMED), "Qwen3-VL's tower")
    return Qwen3FrameNetwork(filled, rows, columns, spec)
