"""LLaVA-OneVision from Hugging Face files: frames to tokens, questions to prompts.

Source: Li et al. 2024; a frame of video is 27 x 27 patches, pooled to 14 x 14 tokens.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError
from models.huggingface_files import fill, read_config, read_tensors
from models.language.decoder import Decoder, DecoderConfig
from models.language.huggingface import decoder_state, read_decoder_config
from models.language.tokenizer import ChatTokenizer, load_tokenizer
from models.vision.preprocessing import Normalization, preprocess, read_normalization
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower, siglip_config, siglip_weights

# The chat template of the model; the video is between the two parts.
OPENING = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
CLOSING = "<|im_end|>\n<|im_start|>assistant\n"


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
    square = features.view(len(features), grid, grid, -1).permute(0, 3, 1, 2)
    half = math.ceil(grid / 2)
    return F.interpolate(square, (half, half), mode="bilinear").flatten(2).transpose(1, 2)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LlavaOnevision:
    """The model; `newline` is the embedding (width,) that may end the video, see `prompt`."""

    tower: SiglipTower
    projector: Projector
    decoder: Decoder
    newline: Tensor
    tokenizer: ChatTokenizer
    normalization: Normalization

    @property
    def opening(self) -> Tensor:
        """The tokens before the video, int64 (count,)."""
        return self.tokenizer.encode_template(OPENING)

    @property
    def located_in(self) -> None:
        """It was not trained to write boxes."""
        return

    @torch.no_grad()
    def encode_frames(self, pixels: Tensor) -> Tensor:
        """Return the tokens of frames, (count, tokens a frame, width).

        `pixels` is uint8 (count, height, width, 3), RGB.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        weight = self.tower.positions.weight
        side = self.tower.config.side
        images = preprocess(pixels.to(weight.device), self.normalization, size=(side, side))
        return self.encode_images(images.to(weight.dtype))

    def encode_images(self, images: Tensor) -> Tensor:
        """Return the tokens of normalized pictures (count, 3, side, side)."""
        features = self.projector(self.tower(images))
        return pool(features, self.tower.config.grid)

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
    folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> LlavaOnevision:
    """Return the model in `folder`, in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
    """
    config = read_config(folder, "llava_onevision")
    vision, text = _sizes(folder, config)
    tokenizer = load_tokenizer(folder / "tokenizer.json", device=device)
    tensors = read_tensors(folder, device=device, dtype=dtype)
    with torch.device("meta"):
        tower, decoder = SiglipTower(vision), Decoder(text)
        biased = bool(config.get("multimodal_projector_bias", True))
        projector = Projector(vision.width, text.width, biased=biased)
    named = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    if "image_newline" not in named:
        raise WeightsError(f"{folder}: the weights have no image_newline")
    linear = {
        name.removeprefix("multi_modal_projector."): tensor
        for name, tensor in named.items()
        if name.startswith("multi_modal_projector.")
    }
    return LlavaOnevision(
        tower=fill(tower, siglip_weights(tensors, vision), "SigLIP's tower"),
        projector=fill(projector, linear, "the projector"),
        decoder=fill(decoder, decoder_state(tensors, text), "a Qwen2 decoder"),
        newline=named["image_newline"],
        tokenizer=tokenizer,
        normalization=read_normalization(folder),
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
