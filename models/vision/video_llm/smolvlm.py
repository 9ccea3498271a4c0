"""SmolVLM2 from Hugging Face files: frames are few tokens, with their times as text.

The opening says neither how many frames nor how long a video follows, as that of the model does:
a stream has no end.

Source: Marafioti et al. 2025 (SmolVLM).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.engine import EngineSpec
from models.errors import WeightsError
from models.huggingface_files import fill, read_config
from models.language.decoder import DecoderConfig
from models.language.huggingface import read_decoder_config
from models.vision.video_llm.assembly import ModelFolder, tensors_below
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import SmolFrameNetwork, frame_spec
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower, siglip_config, siglip_weights

FRAME_TENSORS = r"(^|\.)(vision_model|connector)\."  # those of what makes tokens of frames
CONNECTOR = r".*connector\.modality_projection\.proj\."
LAST_NORM = r".*vision_model\.post_layernorm\."
AROUND = "<fake_token_around_image>"
TOWER_KINDS = ("smolvlm_vision", "idefics3", "idefics3_vision")
TOWER_DEFAULTS = {  # those of transformers, which its files leave out
    "model_type": "smolvlm_vision",
    "hidden_size": 1152,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 32,
}


def label(time: float) -> str:
    """Return the text before a frame."""
    minutes, seconds = divmod(int(time), 60)
    return f"\nFrame from {minutes:02}:{seconds:02}:{AROUND}<global-img>"


TEMPLATE = ChatTemplate(
    opening=(
        "<|im_start|>User: You are provided the following series of frames from a live video.\n"
    ),
    to_assistant="<end_of_utterance>\nAssistant:",
    to_user="<end_of_utterance>\nUser:",
    end="<end_of_utterance>",
    label=label,
    frame_end=AROUND,
    first_gap="\n\n",
    gap=" ",
)


def read_smolvlm(
    source: ModelFolder,
) -> VideoLlm:
    """Return the model in a folder in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(source.path, "smolvlm")
    tensors = source.language_tensors(FRAME_TENSORS)
    tied = not any(name.endswith("lm_head.weight") for name in tensors)
    vision, text, shuffle = _sizes(source.path, config, tied=tied)
    tokens = (vision.grid // shuffle) ** 2
    spec = frame_spec(
        "smolvlm-frames", (vision.side, vision.side), tokens, text.width, source.dtype
    )
    return source.assemble(
        text,
        tensors,
        spec,
        partial(_build_frames, vision, text.width, shuffle, spec),
        frame_tensors=FRAME_TENSORS,
        template=TEMPLATE,
        tokenizer=source.tokenizer(TEMPLATE),
    )


def _build_frames(
    vision: SiglipConfig, width: int, shuffle: int, spec: EngineSpec, tensors: Mapping[str, Tensor]
) -> SmolFrameNetwork:
    with torch.device("meta"):
        tower = SiglipTower(vision)
        norm = nn.LayerNorm(vision.width, eps=vision.epsilon)
        projector = nn.Linear(vision.width * shuffle**2, width, bias=False)
    return SmolFrameNetwork(
        fill(tower, siglip_weights(tensors, vision), "SmolVLM's tower"),
        fill(norm, tensors_below(tensors, LAST_NORM), "the norm of SmolVLM's tower"),
        fill(projector, tensors_below(tensors, CONNECTOR), "SmolVLM's connector"),
        spec,
    )


def _sizes(
    folder: Path, config: dict[str, Any], *, tied: bool
) -> tuple[SiglipConfig, DecoderConfig, int]:
    """Return the sizes of tower and decoder, and how many patches along a side become a token."""
    try:
        text = {**config["text_config"], "tie_word_embeddings": tied}
        sizes = {**TOWER_DEFAULTS, **config["vision_config"]}
        vision = siglip_config(sizes, depth=-1, kinds=TOWER_KINDS)
    except KeyError as error:
        raise WeightsError(f"{folder}: config.json has no {error}") from error
    shuffle = int(config.get("scale_factor", 2))
    if vision.grid % shuffle:
        raise WeightsError(
            f"{folder}: {vision.grid} patches cannot be joined {shuffle} by {shuffle}"
        )
    return vision, read_decoder_config(folder, text), shuffle
