"""LLaVA-OneVision from Hugging Face files: frames to tokens, questions to prompts.

Source: Li et al. 2024; a frame of video is 27 x 27 patches, pooled to 14 x 14 tokens.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.engine import EngineLoader, EngineSpec, load_in_torch
from models.errors import WeightsError
from models.huggingface_files import fill, read_config, read_tensors
from models.language.decoder import Decoder, DecoderConfig
from models.language.huggingface import decoder_state, read_decoder_config
from models.language.tokenizer import ChatTokenizer, load_tokenizer
from models.vision.preprocessing import read_normalization
from models.vision.video_llm.frame_networks import (
    FrameEncoder,
    LlavaFrameNetwork,
    Projector,
    frame_spec,
    load_frames,
    pooled,
)
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower, siglip_config, siglip_weights

# The chat template of the model; the video is between the two parts.
OPENING = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
PROJECTOR = "multi_modal_projector."
FRAME_TENSORS = r"vision_tower\.|multi_modal_projector\."  # those of what makes tokens of frames
CLOSING = "<|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LlavaOnevision:
    """The model; `newline` is the embedding (width,) that may end the video, see `prompt`."""

    frames: FrameEncoder
    decoder: Decoder
    newline: Tensor
    tokenizer: ChatTokenizer

    @property
    def opening(self) -> Tensor:
        """The tokens before the video, int64 (count,)."""
        return self.tokenizer.encode_template(OPENING)

    @property
    def located_in(self) -> None:
        """It was not trained to write boxes."""
        return

    def encode_frames(self, pixels: Tensor) -> Tensor:
        """Return the tokens of frames, (count, tokens a frame, width).

        `pixels` is uint8 (count, height, width, 3), RGB.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        return self.frames.encode_frames(pixels)

    @torch.no_grad()
    def prompt(self, question: str, *, newline: bool = False) -> Tensor:
        """Return everything after the video, as embeddings (count, width).

        With `newline` the video ends with the model's newline, as in Hugging Face's forward; ReKV
        leaves it out.
        """
        parts = (
            self.tokenizer.encode_template("\n"),
            self.tokenizer.encode_user_text(question),
            self.tokenizer.encode_template(CLOSING),
        )
        embedded = self.decoder.embed(torch.cat(parts))
        return torch.cat([self.newline[None], embedded]) if newline else embedded


def read_llava_onevision(
    folder: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    load_engine: EngineLoader = load_in_torch,
) -> LlavaOnevision:
    """Return the model in `folder`, in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(folder, "llava_onevision")
    vision, text = _sizes(folder, config)
    tokenizer = load_tokenizer(folder / "tokenizer.json", device=device)
    tensors = read_tensors(folder, device=device, dtype=dtype, without=FRAME_TENSORS)
    with torch.device("meta"):
        decoder = Decoder(text)
    newline = [tensor for name, tensor in tensors.items() if name.endswith("image_newline")]
    if not newline:
        raise WeightsError(f"{folder}: the weights have no image_newline")
    spec = frame_spec(
        "llava-onevision-frames",
        (vision.side, vision.side),
        pooled(vision.grid) ** 2,
        text.width,
        dtype,
    )
    engine = load_frames(folder, spec, partial(_build_frames, folder, spec), load_engine)
    return LlavaOnevision(
        frames=FrameEncoder(engine, read_normalization(folder), device),
        decoder=fill(decoder, decoder_state(tensors, text), "a Qwen2 decoder"),
        newline=newline[0],
        tokenizer=tokenizer,
    )


def _build_frames(folder: Path, spec: EngineSpec) -> LlavaFrameNetwork:
    config = read_config(folder, "llava_onevision")
    vision, text = _sizes(folder, config)
    tensors = read_tensors(folder, dtype=spec.inputs[0].dtype, only=FRAME_TENSORS)
    with torch.device("meta"):
        tower = SiglipTower(vision)
        biased = bool(config.get("multimodal_projector_bias", True))
        projector = Projector(vision.width, text.width, biased=biased)
    linear = {
        name.removeprefix("model.").removeprefix(PROJECTOR): tensor
        for name, tensor in tensors.items()
        if PROJECTOR in name
    }
    return LlavaFrameNetwork(
        fill(tower, siglip_weights(tensors, vision), "SigLIP's tower"),
        fill(projector, linear, "the projector"),
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
