"""Read Whisper from a Hugging Face folder."""

import json
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.whisper import WhisperConfig
from models.errors import WeightsError
from models.huggingface_files import read_config, read_tensors, renamed, weight_files

RENAMED = (
    (r"^model\.", ""),
    (r"\.encoder_attn_layer_norm\.", ".cross_attention_norm."),
    (r"\.encoder_attn\.", ".cross_attention."),
    (r"\.self_attn_layer_norm\.", ".self_attention_norm."),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.v_proj\.", ".value."),
    (r"\.out_proj\.", ".out."),
    (r"\.fc1\.", ".feed_forward.0."),
    (r"\.fc2\.", ".feed_forward.2."),
    (r"\.final_layer_norm\.", ".feed_forward_norm."),
    (r"coder\.layer_norm\.", "coder.norm."),
    (r"\.embed_positions\.weight$", ".positions"),
    (r"\.embed_tokens\.", ".embedding."),
)
TIED = ("proj_out.weight",)  # a copy of the embedding


def read(folder: Path) -> WhisperCheckpoint:
    """Return the checkpoint in `folder`; its weights are read as float32.

    Raises:
        WeightsError: a file is missing, or of another kind of model.
    """
    config = read_config(folder, "whisper")
    try:
        return WhisperCheckpoint(
            config=_config(config),
            read_state=partial(_read_state, folder),
            files=weight_files(folder),
            alignment_heads=_alignment_heads(folder / "generation_config.json"),
            tokenizer=folder / "tokenizer.json",
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{folder}: not a Hugging Face Whisper folder ({error!r})") from error


def _read_state(folder: Path) -> dict[str, Tensor]:
    tensors = read_tensors(folder, device="cpu", dtype=torch.float32)
    return {renamed(n, RENAMED): t for n, t in tensors.items() if n not in TIED}


def _config(config: dict[str, int]) -> WhisperConfig:
    return WhisperConfig(
        mels=config["num_mel_bins"],
        audio_context=config["max_source_positions"],
        audio_width=config["d_model"],
        audio_heads=config["encoder_attention_heads"],
        audio_layers=config["encoder_layers"],
        text_context=config["max_target_positions"],
        text_width=config["d_model"],
        text_heads=config["decoder_attention_heads"],
        text_layers=config["decoder_layers"],
        vocabulary=config["vocab_size"],
    )


def _alignment_heads(file: Path) -> AlignmentHeads | None:
    if not file.is_file():
        return None
    heads: list[list[int]] | None = json.loads(file.read_text()).get("alignment_heads")
    return tuple((layer, head) for layer, head in heads) if heads else None
