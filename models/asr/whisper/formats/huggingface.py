"""Read Whisper from a Hugging Face folder: config.json and safetensors, whole or in shards."""

import json
import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from models.asr.whisper.checkpoint import AlignmentHeads, WhisperCheckpoint
from models.asr.whisper.whisper import WhisperConfig
from models.errors import WeightsError

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
TIED = ("proj_out.weight",)  # the embedding again


def read(folder: Path) -> WhisperCheckpoint:
    """Return the checkpoint in `folder`, its weights as float32.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
        if config.get("model_type") != "whisper":
            raise WeightsError(f"{folder}: config.json is of a {config.get('model_type')!r} model")
        tensors = {
            name: tensor
            for file in sorted(folder.glob("model*.safetensors"))
            for name, tensor in load_file(file).items()
            if name not in TIED
        }
        return WhisperCheckpoint(
            config=_config(config),
            state={_renamed(name): tensor.float() for name, tensor in tensors.items()},
            alignment_heads=_alignment_heads(folder / "generation_config.json"),
            tokenizer=folder / "tokenizer.json",
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise WeightsError(f"{folder}: not a Hugging Face Whisper folder ({error!r})") from error


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


def _renamed(name: str) -> str:
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    return name


def _alignment_heads(file: Path) -> AlignmentHeads | None:
    if not file.is_file():
        return None
    heads: list[list[int]] | None = json.loads(file.read_text()).get("alignment_heads")
    return tuple((layer, head) for layer, head in heads) if heads else None
