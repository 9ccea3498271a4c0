"""A tiny SmolLM2 file whose matrices are in blocks of 4 and 8 bits, as the packaged one's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from numpy.typing import NDArray

from models.language.smollm2 import FILE

Kind = GGMLQuantizationType
Tensors = Mapping[str, tuple[NDArray[Any], GGMLQuantizationType]]  # float32, or (out, bytes a row)

WIDTH, INNER, LAYERS, HEADS, KEY_HEADS = 64, 96, 2, 4, 2
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "c", "Ġ", "ab", "Ċ"]
SIZES = {
    "attn_q": (WIDTH, WIDTH),
    "attn_k": (WIDTH // 2, WIDTH),
    "attn_v": (WIDTH // 2, WIDTH),
    "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (INNER, WIDTH),
    "ffn_up": (INNER, WIDTH),
    "ffn_down": (WIDTH, INNER),
}


def write(path: Path, fields: Mapping[str, Any], tensors: Tensors) -> None:
    writer = GGUFWriter(path, "llama")
    for key, value in fields.items():
        writer.add_key_value(key, value, GGUFValueType.get_type(value))
    for name, (values, kind) in tensors.items():
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def saved(folder: Path, *, seed: int = 0, matrices: Kind = Kind.Q4_1) -> None:
    """Write the file; `matrices` is the type of the layers' matrices."""
    rng = np.random.default_rng(seed)
    tensors = {
        "token_embd.weight": (blocks(rng, (len(TOKENS), WIDTH), Kind.Q8_0), Kind.Q8_0),
        "output_norm.weight": (norm(rng), Kind.F32),
    }
    for index in range(LAYERS):
        start = f"blk.{index}"
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{start}.{name}.weight"] = norm(rng), Kind.F32
        for name, shape in SIZES.items():
            tensors[f"{start}.{name}.weight"] = blocks(rng, shape, matrices), matrices
    write(folder / FILE, metadata(), tensors)


def blocks(rng: np.random.Generator, shape: tuple[int, int], kind: Kind) -> NDArray[Any]:
    """Random blocks whose weights are about 0.2, (out, bytes a row)."""
    if kind == Kind.F32:
        return (0.2 * rng.standard_normal(shape)).astype(np.float32)
    count = shape[0] * shape[1] // 32
    scale = (0.04 * rng.uniform(0.5, 1.0, (count, 1))).astype(np.float16)
    if kind == Kind.Q8_0:
        q = rng.integers(-120, 120, (count, 32), dtype=np.int8)
        parts = [(scale / 16).view(np.uint8), q.view(np.uint8)]
    else:
        low = (-7.5 * scale * rng.uniform(0.8, 1.2, (count, 1))).astype(np.float16)
        q4 = rng.integers(0, 256, (count, 16), dtype=np.uint8)
        parts = [scale.view(np.uint8), low.view(np.uint8), q4]
    return np.hstack(parts).reshape(shape[0], -1)


def norm(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.uniform(0.5, 1.5, WIDTH).astype(np.float32)


def metadata(
    *,
    layers: int = LAYERS,
    width: int = WIDTH,
    inner: int = INNER,
    heads: int = HEADS,
    key_heads: int = KEY_HEADS,
) -> dict[str, Any]:
    """Return what the file says of a model of these sizes, and of the tokenizer of `TOKENS`."""
    return {
        "llama.block_count": layers,
        "llama.embedding_length": width,
        "llama.feed_forward_length": inner,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": key_heads,
        "llama.vocab_size": len(TOKENS),
        "llama.rope.freq_base": 100_000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [3, 3, 3, 1, 1, 1, 1, 1, 1],
        "tokenizer.ggml.merges": ["a b"],
    }
