"""Decoders from Hugging Face folders.

Tensor names of the hub's files and those of transformers 5 are read: only their prefixes differ.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from models.errors import WeightsError
from models.huggingface_files import renamed
from models.language.decoder import DecoderConfig

Config = Mapping[str, Any]

RENAMED = (
    (r"^embed_tokens\.", "embedding."),
    (r"^layers\.", "blocks."),
    (r"\.input_layernorm\.", ".attention_norm."),
    (r"\.post_attention_layernorm\.", ".inner_norm."),
    (r"\.self_attn\.q_proj\.", ".query."),
    (r"\.self_attn\.k_proj\.", ".key."),
    (r"\.self_attn\.v_proj\.", ".value."),
    (r"\.self_attn\.o_proj\.", ".out."),
    (r"\.self_attn\.q_norm\.", ".query_norm."),
    (r"\.self_attn\.k_norm\.", ".key_norm."),
    (r"\.mlp\.(gate|up|down)_proj\.", r".\1."),
    (r"^lm_head\.", "head."),
)
KINDS = (
    "llama",
    "qwen2",
    "qwen2_5_vl",
    "qwen2_5_vl_text",
    "qwen3_vl_text",
)  # supported by `models.language.decoder`


def decoder_config(config: Config) -> DecoderConfig:
    """Return the decoder's config for a Llama, Qwen2 or Qwen3-VL text config.

    Raises:
        WeightsError: the config has a feature that `models.language.decoder` does not support.
    """
    kind = config.get("model_type")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    scaling = rope.get("rope_type", rope.get("type", "default"))
    if kind not in KINDS or config.get("hidden_act", "silu") != "silu":
        raise WeightsError(f"cannot read a {kind!r} decoder with {config.get('hidden_act')!r}")
    if scaling not in ("default", "mrope") or config.get("use_sliding_window"):
        raise WeightsError(f"cannot read a decoder with {scaling!r} positions or sliding windows")
    heads = config["num_attention_heads"]
    return DecoderConfig(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        key_heads=config.get("num_key_value_heads") or heads,
        head_width=config.get("head_dim") or config["hidden_size"] // heads,
        inner_width=config["intermediate_size"],
        theta=float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0),
        epsilon=config.get("rms_norm_eps", 1e-6),
        biased=kind.startswith("qwen2") or bool(config.get("attention_bias")),
        tied=bool(config.get("tie_word_embeddings", False)),
        sections=tuple(rope.get("mrope_section", ())),
        interleaved=kind == "qwen3_vl_text",
        normed=kind == "qwen3_vl_text",
    )


def decoder_state(tensors: Mapping[str, Tensor], config: DecoderConfig) -> dict[str, Tensor]:
    """Return the decoder's tensors of a checkpoint by the names of our modules."""
    state = {}
    for name, tensor in tensors.items():
        short = re.sub(r"^(model\.)?((language|text)_model\.)?(model\.)?", "", name)
        short = renamed(short, RENAMED)
        if short.split(".")[0] in ("embedding", "blocks", "norm", "head"):
            state[short] = tensor
    if config.tied:
        state.pop("head.weight", None)  # equal to the embedding
    return state


def read_decoder_config(folder: Path, config: Config) -> DecoderConfig:
    """Return `decoder_config(config)`; errors name the folder.

    Raises:
        WeightsError: a size is missing, or a feature is not supported.
    """
    try:
        return decoder_config(config)
    except KeyError as error:
        raise WeightsError(f"{folder}: config.json has no {error}") from error
