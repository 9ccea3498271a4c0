"""The families of Video-LLMs, by the `model_type` in their config.json."""

from pathlib import Path

import torch

from models.engine import EngineLoader, load_in_torch
from models.errors import WeightsError
from models.huggingface_files import read_config
from models.vision.video_llm.llava_onevision import read_llava_onevision
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen3_vl import read_qwen3_vl
from models.vision.video_llm.qwen25_vl import read_qwen25_vl
from models.vision.video_llm.smolvlm import read_smolvlm

FAMILIES = {
    "llava_onevision": read_llava_onevision,
    "qwen2_5_vl": read_qwen25_vl,
    "qwen3_vl": read_qwen3_vl,
    "smolvlm": read_smolvlm,
}


def read_video_llm(
    folder: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    load_engine: EngineLoader = load_in_torch,
) -> VideoLlm:
    """Return the model in `folder`, in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of an unsupported model.
        EngineError: an engine cannot be built or loaded.
    """
    kind = read_config(folder).get("model_type")
    if kind not in FAMILIES:
        raise WeightsError(f"{folder}: a model of type {kind!r}; give one of {', '.join(FAMILIES)}")
    return FAMILIES[kind](folder, device=device, dtype=dtype, load_engine=load_engine)
