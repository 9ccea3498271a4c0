"""A Whisper of a few thousand weights at random, and its file in each of the three formats."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.asr.streaming.causal_loading import CausalModel, assemble_causal
from models.asr.streaming.causal_networks import CausalEncoderNetwork
from models.asr.whisper.checkpoint import WhisperCheckpoint
from models.asr.whisper.loading import WhisperModel, assemble
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.asr.whisper.whisper_networks import WhisperDecoderNetwork, WhisperEncoderNetwork
from models.engine import Engine, EngineLoader, ExportableNetwork, load_in_torch

CONFIG = WhisperConfig(
    mels=80,
    audio_context=1500,
    audio_width=16,
    audio_heads=2,
    audio_layers=2,
    text_context=448,
    text_width=16,
    text_heads=2,
    text_layers=2,
    vocabulary=51864,
)
SMALL = replace(CONFIG, audio_context=50, text_context=32, vocabulary=97)


def tiny_whisper(config: WhisperConfig = SMALL, seed: int = 0) -> Whisper:
    """Return float16-exact weights, so that every form can hold them."""
    rng = torch.Generator().manual_seed(seed)
    model = Whisper(config).requires_grad_(False).eval()
    for name, weight in model.named_parameters():
        scale = 1.0 if "norm" in name or "positions" in name else 0.3
        weight.copy_((torch.randn(weight.shape, generator=rng) * scale).half().float())
    return model


def tiny_checkpoint(config: WhisperConfig = CONFIG, seed: int = 0) -> WhisperCheckpoint:
    """Return the weights of `tiny_whisper` as a checkpoint without files."""
    return WhisperCheckpoint(
        config=config,
        read_state=lambda: tiny_whisper(config, seed).state_dict(),
        files=(),
        alignment_heads=((1, 0), (1, 1)),
        tokenizer=Path("none"),
    )


@dataclass(frozen=True)
class TinyEngines:
    """What runs the networks of `tiny_whisper`."""

    encoder: Engine
    decoder: Engine
    causal: Engine


def tiny_engines(engine: Callable[[ExportableNetwork], Engine]) -> TinyEngines:
    """Return the engines that `engine` makes of the networks."""
    network, heads = tiny_whisper(), tiny_checkpoint(SMALL).heads()
    return TinyEngines(
        encoder=engine(WhisperEncoderNetwork(network)),
        decoder=engine(WhisperDecoderNetwork(network, heads)),
        causal=engine(CausalEncoderNetwork(network)),
    )


def tiny_recognizer(
    table: WhisperTokenizer, load_engine: EngineLoader = load_in_torch
) -> WhisperModel:
    return assemble("random", tiny_checkpoint(), table, load_engine)


def tiny_causal(recognizer: WhisperModel, load_engine: EngineLoader = load_in_torch) -> CausalModel:
    return assemble_causal(
        recognizer.name,
        recognizer.config,
        recognizer.decoder.heads,
        recognizer.tokenizer,
        recognizer.checkpoint.build,
        recognizer.checkpoint.digest,
        load_engine,
    )


def write_openai(model: Whisper, file: Path) -> None:
    c = model.config
    dims = {
        "n_mels": c.mels, "n_audio_ctx": c.audio_context, "n_audio_state": c.audio_width,
        "n_audio_head": c.audio_heads, "n_audio_layer": c.audio_layers, "n_vocab": c.vocabulary,
        "n_text_ctx": c.text_context, "n_text_state": c.text_width,
        "n_text_head": c.text_heads, "n_text_layer": c.text_layers,
    }  # fmt: skip
    names = {
        "self_attention_norm": "attn_ln", "self_attention": "attn",
        "cross_attention_norm": "cross_attn_ln", "cross_attention": "cross_attn",
        "feed_forward_norm": "mlp_ln", "feed_forward": "mlp", "layers": "blocks",
        "positions": "positional_embedding", "embedding": "token_embedding",
    }  # fmt: skip
    state = {}
    for name, value in model.state_dict().items():
        parts = [names.get(part, part) for part in name.split(".")]
        if parts[1] == "norm":
            parts[1] = "ln_post" if parts[0] == "encoder" else "ln"
        state[".".join(parts)] = value.half()
    torch.save({"dims": dims, "model_state_dict": state}, file)


def write_huggingface(model: Whisper, folder: Path) -> None:
    c = model.config
    folder.mkdir()
    config = {
        "model_type": "whisper", "num_mel_bins": c.mels, "max_source_positions": c.audio_context,
        "d_model": c.audio_width, "encoder_attention_heads": c.audio_heads,
        "encoder_layers": c.audio_layers, "max_target_positions": c.text_context,
        "decoder_attention_heads": c.text_heads, "decoder_layers": c.text_layers,
        "vocab_size": c.vocabulary,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": [[1, 0]]}))
    names = {
        "self_attention_norm": "self_attn_layer_norm", "self_attention": "self_attn",
        "cross_attention_norm": "encoder_attn_layer_norm", "cross_attention": "encoder_attn",
        "feed_forward_norm": "final_layer_norm", "query": "q_proj", "key": "k_proj",
        "value": "v_proj", "out": "out_proj", "norm": "layer_norm", "embedding": "embed_tokens",
        "positions": "embed_positions.weight",
    }  # fmt: skip
    state = {}
    for name, value in model.state_dict().items():
        plain = name.replace("feed_forward.0", "fc1").replace("feed_forward.2", "fc2")
        parts = [names.get(part, part) for part in plain.split(".")]
        state["model." + ".".join(parts)] = value.half().contiguous()
    state["proj_out.weight"] = model.decoder.embedding.weight.half().clone()
    save_file(state, folder / "model.safetensors")


def write_ctranslate2(model: Whisper, folder: Path, *, quantized: bool = False) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"alignment_heads": [[1, 1], [0, 0]]}))
    variables: dict[str, np.ndarray] = {}
    state = model.state_dict()
    for side, heads in (
        ("encoder", model.config.audio_heads),
        ("decoder", model.config.text_heads),
    ):
        variables[f"{side}/num_heads"] = np.array(heads, np.int16)
        variables[f"{side}/position_encodings/encodings"] = _half(state[f"{side}.positions"])
        variables |= _norm(f"{side}/layer_norm", f"{side}.norm", state)
        for index in range(2):
            variables |= _layer(f"{side}/layer_{index}", f"{side}.layers.{index}", state)
    variables["decoder/embeddings/weight"] = _half(state["decoder.embedding.weight"])
    for conv in ("conv1", "conv2"):
        for leaf in ("weight", "bias"):
            variables[f"encoder/{conv}/{leaf}"] = _half(state[f"encoder.{conv}.{leaf}"])
    if quantized:
        variables["encoder/conv1/bias"] = variables["encoder/conv1/bias"].astype(np.int8)
    data = struct.pack("<I", 6) + _string("WhisperSpec") + struct.pack("<II", 3, len(variables))
    numbers = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
    for name, value in variables.items():
        shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        head = struct.pack("<BI", numbers[value.dtype.name], value.nbytes)
        data += _string(name) + shape + head + value.tobytes()
    data += struct.pack("<I", 1) + _string("decoder/projection/weight")
    (folder / "model.bin").write_bytes(data + _string("decoder/embeddings/weight"))


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _half(value: Tensor) -> np.ndarray:
    return value.half().numpy()


def _norm(theirs: str, ours: str, state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {
        f"{theirs}/gamma": _half(state[f"{ours}.weight"]),
        f"{theirs}/beta": _half(state[f"{ours}.bias"]),
    }


def _layer(theirs: str, ours: str, state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    found = _norm(f"{theirs}/ffn/layer_norm", f"{ours}.feed_forward_norm", state)
    for number in (0, 1):
        for leaf in ("weight", "bias"):
            value = state[f"{ours}.feed_forward.{2 * number}.{leaf}"]
            found[f"{theirs}/ffn/linear_{number}/{leaf}"] = _half(value)
    groups = [("self_attention", "self_attention", ["query key value", "out"])]
    if f"{ours}.cross_attention.query.weight" in state:
        groups.append(("attention", "cross_attention", ["query", "key value", "out"]))
    for block, attention, linears in groups:
        found |= _norm(f"{theirs}/{block}/layer_norm", f"{ours}.{attention}_norm", state)
        for number, parts in enumerate(linears):
            for leaf in ("weight", "bias"):
                values = [
                    state.get(f"{ours}.{attention}.{part}.{leaf}", torch.zeros(16))
                    for part in parts.split()
                ]
                found[f"{theirs}/{block}/linear_{number}/{leaf}"] = _half(torch.cat(values))
    return found
