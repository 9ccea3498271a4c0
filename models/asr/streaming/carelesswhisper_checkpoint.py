"""Read the checkpoints of CarelessWhisper, causal Whisper models.

A .pt file with `dims`, `cfg` (block sizes, rank) and `state_dict`: OpenAI's names, where each
attention projection is a `base_layer` plus a `lora_layer` of A (in, rank) and B (rank, out).
The adapters are merged on reading, so the result is a plain Whisper for `BlockSizes`.
"""

import pickle
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models import lora
from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.whisper.checkpoint import WhisperCheckpoint
from models.asr.whisper.formats.openai import converted, opened, sizes

KIND = "a CarelessWhisper checkpoint"
BASE, A, B = ".base_layer.", ".lora_layer.lora_A", ".lora_layer.lora_B"


def is_carelesswhisper(file: Path) -> bool:
    """Return whether `file` is such a checkpoint, unlike a plain Whisper one."""
    if not zipfile.is_zipfile(file):
        return False
    try:
        content = torch.load(file, map_location="meta", weights_only=True, mmap=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError):
        return False
    return isinstance(content, dict) and {"dims", "cfg", "state_dict"} <= content.keys()


def read_carelesswhisper(file: Path) -> tuple[WhisperCheckpoint, BlockSizes]:
    """Return the checkpoint in `file` and its block sizes; no code in it runs.

    Raises:
        WeightsError: the file is missing, cut short, or something else.
    """
    with opened(file, KIND, values=False) as content:
        checkpoint = WhisperCheckpoint(
            config=sizes(content["dims"]),
            read_state=partial(_read_state, file),
            files=(file,),
            alignment_heads=None,
            tokenizer=file.parent / "tokenizer.json",
        )
        chunk, extra = int(content["cfg"]["gran"]), int(content["cfg"]["extra_gran_blocks"])
        return checkpoint, BlockSizes(chunk=chunk, first=chunk * (1 + extra))


def _read_state(file: Path) -> dict[str, Tensor]:
    with opened(file, KIND) as content:
        return converted(merged(content["state_dict"]))


def merged(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return plain weights; A (in, rank) and B (rank, out) are transposed here.

    Published adapters have alpha = rank, so the scale is 1.

    Raises:
        KeyError: an adapter lacks one of its halves, or its layer.
    """
    plain = {
        name.replace(BASE, "."): tensor.float()
        for name, tensor in tensors.items()
        if not name.endswith((A, B)) and tensor.is_floating_point()
    }
    for layer in {name.removesuffix(A).removesuffix(B) for name in tensors} - tensors.keys():
        weight = f"{layer}.weight"
        plain[weight] = plain[weight] + lora.change(tensors[layer + A].T, tensors[layer + B].T)
    return plain
