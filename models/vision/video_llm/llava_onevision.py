"""LLaVA-OneVision from Hugging Face files.

Source: Li et al. 2024; a frame of video is 27 x 27 patches, pooled to 14 x 14 tokens. The newline
token that Hugging Face's forward puts after a video is left out, as in ReKV.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.engine import EngineSpec
from models.errors import WeightsError
from models.huggingface_files import fill, read_config
from models.language.decoder import DecoderConfig
from models.language.huggingface import read_decoder_config
from models.vision.video_llm.assembly import ModelFolder, tensors_below
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import LlavaFrameNetwork, Projector, frame_spec, pooled
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower, siglip_config, siglip_weights

TEMPLATE = ChatTemplate(
    opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
    to_assistant="<|im_end|>\n<|im_start|>assistant\n",
    to_user="<|im_end|>\n<|im_start|>user\n",
    end="<|im_end|>",
    first_gap="\n",
)
PROJECTOR = r"(.*\.)?multi_modal_projector\."
FRAME_TENSORS = r"vision_tower\.|multi_modal_projector\."  # those of what makes tokens of frames


def read_llava_onevision(
    source: ModelFolder,
) -> VideoLlm:
    """Return the model in a folder in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(source.path, "llava_onevision")
    vision, text = _sizes(source.path, config)
    size = (vision.side, vision.side)
    tokens = pooled(vision.grid) ** 2
    spec = frame_spec("llava-onevision-frames", size, tokens, text.width, source.dtype)
    biased = bool(config.get("multimodal_projector_bias", True))
    return source.assemble(
        text,
        source.language_tensors(FRAME_TENSORS),
        spec,
        partial(_build_frames, vision, text.width, biased, spec),
        frame_tensors=FRAME_TENSORS,
        template=TEMPLATE,
        tokenizer=source.tokenizer(TEMPLATE),
    )


def _build_frames(
    vision: SiglipConfig, width: int, biased: bool, spec: EngineSpec, tensors: Mapping[str, Tensor]
) -> LlavaFrameNetwork:
    with torch.device("meta"):
        tower = SiglipTower(vision)
        projector = Projector(vision.width, width, biased=biased)
    return LlavaFrameNetwork(
        fill(tower, siglip_weights(tensors, vision), "SigLIP's tower"),
        fill(projector, tensors_below(tensors, PROJECTOR), "the projector"),
        spec,
    )


def _sizes(folder: Path, config: dict[str, Any]) -> tuple[SiglipConfig, DecoderConfig]:
    text = dict(config.get("text_config") or {})
    # It is in the config of the whole model, or in that of the text model.
    text["tie_word_embeddings"] = text.get(
        "tie_word_embeddings", config.get("tie_word_embeddings", False)
    )
    depth = config.get("vision_feature_layer", -1)
    strategy = config.get("vision_feature_select_strategy", "full")
    if not isinstance(depth, int) or strategy != "full":
        raise WeightsError(f"{folder}: cannot read features of layers {depth}, {strategy!r}")
    try:
        vision = siglip_config(config["vision_config"], depth=depth)
    except KeyError as error:
        raise WeightsError(f"{folder}: config.json has no {error}") from error
    return vision, read_decoder_config(folder, text)
