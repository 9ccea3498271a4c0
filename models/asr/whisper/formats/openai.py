"""Read Whisper from OpenAI's own .pt file: `dims` and `model_state_dict`."""

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

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
    """Return the checkpoint in `file`; its weights are read as float32, and no code in it runs.

    Raises:
        WeightsError: the file is missing, cut short, or something else.
    """
    with opened(file, "an OpenAI Whisper checkpoint", values=False) as content:
        return WhisperCheckpoint(
            config=sizes(content["dims"]),
            read_state=partial(_read_state, file),
            files=(file,),
            alignment_heads=None,
            tokenizer=file.parent / "tokenizer.json",
        )


def _read_state(file: Path) -> dict[str, Tensor]:
    with opened(file, "an OpenAI Whisper checkpoint") as content:
        return converted(content["model_state_dict"])


@contextmanager
def opened(file: Path, kind: str, *, values: bool = True) -> Iterator[dict[str, Any]]:
    """Give the content of a .pt file, the tensors without their values if not `values`.

    Raises:
        WeightsError: it is not `kind`: missing, cut short, or the block finds an error in it.
    """
    if not zipfile.is_zipfile(file):  # torch would try older formats, and fail in many ways
        raise WeightsError(f"{file}: not {kind} (missing, or no zip archive)")
    try:
        yield torch.load(
            file, map_location="cpu" if values else "meta", weights_only=True, mmap=not values
        )
    except (OSError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, EOFError) as error:
        raise WeightsError(f"{file}: not {kind} ({error})") from error


def sizes(dims: dict[str, int]) -> WhisperConfig:
    """Return the sizes that `dims` of an OpenAI file names."""
    return WhisperConfig(
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


def converted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as float32, named as in `asr.whisper.whisper`."""
    return {
        renamed(name, RENAMED): tensor.float()
        for name, tensor in tensors.items()
        if tensor.is_floating_point()
    }
