"""SmolVLM2 from Hugging Face files: frames are few tokens, with their times as text.

The opening says neither how many frames nor how long a video follows, as that of the model does:
a stream has no end.

Source: Marafioti et al. 2025 (SmolVLM).
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.engine import EngineLoader, EngineSpec, load_in_torch
from models.errors import WeightsError
from models.huggingface_files import fill, read_config, read_tensors
from models.language.decoder import Decoder, DecoderConfig
from models.language.huggingface import decoder_state, read_decoder_config
from models.language.tokenizer import load_tokenizer
from models.vision.preprocessing import read_normalization
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import (
    FrameEncoder,
    SmolFrameNetwork,
    frame_spec,
    load_frames,
)
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower, siglip_config, siglip_weights

FRAME_TENSORS = r"(^|\.)(vision_model|connector)\."  # those of what makes tokens of frames
CONNECTOR = "connector.modality_projection.proj."
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
    folder: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    load_engine: EngineLoader = load_in_torch,
) -> VideoLlm:
    """Return the model in `folder`, in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(folder, "smolvlm")
    tokenizer = load_tokenizer(folder / "tokenizer.json", device=device, end=TEMPLATE.end)
    tensors = read_tensors(folder, device=device, dtype=dtype, without=FRAME_TENSORS)
    tied = not any(name.endswith("lm_head.weight") for name in tensors)
    vision, text, shuffle = _sizes(folder, config, tied=tied)
    with torch.device("meta"):
        decoder = Decoder(text)
    tokens = (vision.grid // shuffle) ** 2
    spec = frame_spec("smolvlm-frames", (vision.side, vision.side), tokens, text.width, dtype)
    engine = load_frames(folder, spec, partial(_build_frames, folder, spec), load_engine)
    return VideoLlm(
        frames=FrameEncoder(engine, read_normalization(folder), device),
        decoder=fill(decoder, decoder_state(tensors, text), "a Llama decoder"),
        tokenizer=tokenizer,
        template=TEMPLATE,
    )


def _build_frames(folder: Path, spec: EngineSpec) -> SmolFrameNetwork:
    config = read_config(folder, "smolvlm")
    vision, text, shuffle = _sizes(folder, config, tied=True)
    tensors = read_tensors(folder, dtype=spec.inputs[0].dtype, only=FRAME_TENSORS)
    with torch.device("meta"):
        tower = SiglipTower(vision)
        norm = nn.LayerNorm(vision.width, eps=vision.epsilon)
        projector = nn.Linear(vision.width * shuffle**2, text.width, bias=False)

    def of(part: str) -> dict[str, torch.Tensor]:
        return {name.split(part)[1]: each for name, each in tensors.items() if part in name}

    return SmolFrameNetwork(
        fill(tower, siglip_weights(tensors, vision), "SmolVLM's tower"),
        fill(norm, of("vision_model.post_layernorm."), "the norm of SmolVLM's tower"),
        fill(projector, of(CONNECTOR), "SmolVLM's connector"),
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
