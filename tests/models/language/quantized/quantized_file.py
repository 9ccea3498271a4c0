"""A tiny SmolLM2 file whose matrices are in blocks of 4 and 8 bits, as the packaged one's."""

import struct
from pathlib import Path

import numpy as np
import torch

from models.language.decoder import PARTS
from models.language.smollm2 import FILE
from tests.models.language.quantized.test_gguf import Entry, Tensor, text, write

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


def saved(folder: Path, *, seed: int = 0, matrices: int = 3) -> None:
    """Write the file; `matrices` is the type of the layers' matrices."""
    rng = np.random.default_rng(seed)
    tensors: list[Tensor] = [
        ("token_embd.weight", (len(TOKENS), WIDTH), 8, blocks(rng, len(TOKENS) * WIDTH, 8)),
        ("output_norm.weight", (WIDTH,), 0, norm(rng)),
    ]
    for index in range(LAYERS):
        start = f"blk.{index}"
        tensors += [
            (f"{start}.{name}.weight", (WIDTH,), 0, norm(rng)) for name in ("attn_norm", "ffn_norm")
        ]
        tensors += [
            (f"{start}.{name}.weight", shape, matrices, blocks(rng, shape[0] * shape[1], matrices))
            for name, shape in SIZES.items()
        ]
    (folder / FILE).write_bytes(write(metadata(), tensors))


def blocks(rng: np.random.Generator, weights: int, kind: int) -> bytes:
    """Random blocks whose weights are about 0.2."""
    count = weights // 32
    if kind == 0:
        return (0.2 * rng.standard_normal(weights)).astype(np.float32).tobytes()
    scale = (0.04 * rng.uniform(0.5, 1.0, (count, 1))).astype(np.float16)
    if kind == 8:
        q = rng.integers(-120, 120, (count, 32), dtype=np.int8)
        return np.hstack([(scale / 16).view(np.uint8), q.view(np.uint8)]).tobytes()
    low = (-7.5 * scale * rng.uniform(0.8, 1.2, (count, 1))).astype(np.float16)
    q4 = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    return np.hstack([scale.view(np.uint8), low.view(np.uint8), q4]).tobytes()


def norm(rng: np.random.Generator) -> bytes:
    return rng.uniform(0.5, 1.5, WIDTH).astype(np.float32).tobytes()


def changes(*, rank: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Low-rank changes to every matrix, as large as the matrices."""
    rng = torch.Generator().manual_seed(seed)
    made = {}
    for index in range(LAYERS):
        for part, (out, width) in zip(PARTS, SIZES.values(), strict=True):
            made[f"{index}.{part}.a"] = torch.randn(rank, width, generator=rng) * 0.2
            made[f"{index}.{part}.b"] = torch.randn(out, rank, generator=rng) * 0.2
    return made


def metadata(
    *,
    layers: int = LAYERS,
    width: int = WIDTH,
    inner: int = INNER,
    heads: int = HEADS,
    key_heads: int = KEY_HEADS,
) -> list[Entry]:
    """Return what the file says of a model of these sizes, and of the tokenizer of `TOKENS`."""
    numbers = {
        "llama.block_count": layers,
        "llama.embedding_length": width,
        "llama.feed_forward_length": inner,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": key_heads,
        "llama.vocab_size": len(TOKENS),
        "tokenizer.ggml.eos_token_id": 2,
    }
    entries: list[Entry] = [(key, 4, struct.pack("<I", value)) for key, value in numbers.items()]
    entries.append(("llama.rope.freq_base", 6, struct.pack("<f", 100_000.0)))
    entries.append(("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)))
    tokens = b"".join(text(token) for token in TOKENS)
    kinds = np.array([3, 3, 3, 1, 1, 1, 1, 1, 1], np.int32).tobytes()
    entries.append(("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, len(TOKENS)) + tokens))
    entries.append(("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, len(TOKENS)) + kinds))
    entries.append(("tokenizer.ggml.merges", 9, struct.pack("<IQ", 8, 1) + text("a b")))
    return entries
