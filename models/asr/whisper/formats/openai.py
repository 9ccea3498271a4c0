"""Read Whisper from OpenAI's own .pt file: `dims` and `model_state_dict`."""

import pickle
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from models.asr.whisper.checkpoint import WhisperCheckpoint
from models.asr.whisper.whisper import WhisperConfig
from models.errors import WeightsError
from models.huggingface_files import renamed

RENAMED = (
    (r"\.blocks\.", ".layers."),
    (r"\.attn_ln\.", ".self_attention_norm."),
    (r"\.attn\.", ".self_attention."),
    (r"\.cross_attn_ln\.", ".cross_attention_norm."),
    (r"\.cross_attn\.", ".cross_attention."),
    (r"\.mlp_ln\.", ".feed_forward_norm."),
    (r"\.mlp\.", ".feed_forward."),
    (r"^encoder\.ln_post\.", "encoder.norm."),
    (r"^decoder\.ln\.", "decoder.norm."),
    (r"\.positional_embedding$", ".positions"),
    (r"\.token_embedding\.", ".embedding."),
)


def read(file: Path) -> WhisperCheckpoint:
    """Return the checkpoint in `file`, its weights as float32; no code in it runs.

    Raises:
        WeightsError: the file is missing, cut short, or something else.
    """
    if not zipfile.is_zipfile(file):  # torch would try older formats, and fail in many ways
        raise WeightsError(f"{file}: not an OpenAI Whisper checkpoint (missing, or no zip archive)")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        config, state = convert(content["dims"], content["model_state_dict"])
    except (OSError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, EOFError) as error:
        raise WeightsError(f"{file}: not an OpenAI Whisper checkpoint ({error})") from error
    return WhisperCheckpoint(
        config=config, state=state, alignment_heads=None, tokenizer=file.parent / "tokenizer.json"
    )


def convert(
    dims: dict[str, int], tensors: dict[str, Tensor]
) -> tuple[WhisperConfig, dict[str, Tensor]]:
    """Return the sizes, and the weights as float32, named as in `asr.whisper.whisper`."""
    config = WhisperConfig(
        mels=dims["n_mels"],
        audio_context=dims["n_audio_ctx"],
        audio_width=dims["n_audio_state"],
        audio_heads=dims["n_audio_head"],
        audio_layers=dims["n_audio_layer"],
        text_context=dims["n_text_ctx"],
        text_width=dims["n_text_state"],
        text_heads=dims["n_text_head"],
        text_layers=dims["n_text_layer"],
        vocabulary=dims["n_vocab"],
    )
    return config, {renamed(name, RENAMED): tensor.float() for name, tensor in _floating(tensors)}


def _floating(tensors: dict[str, Tensor]) -> list[tuple[str, Tensor]]:
    return [(name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point()]
