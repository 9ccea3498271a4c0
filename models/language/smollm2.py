"""SmolLM2-Instruct from its GGUF file: decoder, tokenizer and chat template.

Source: Allal et al. 2025 (SmolLM2); the row order of llama.cpp's converter for Q and K.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tokenizers
import torch
from torch import Tensor

from models.engine import EngineLoader, NetworkSource, load_in_torch
from models.errors import WeightsError
from models.language.decoder import Decoder, DecoderConfig
from models.language.decoder_networks import CacheSizes, DecoderNetwork, LayerParts, decoder_spec
from models.language.engine_decoder import EngineDecoder
from models.language.quantized.gguf_file import GgufFile, read
from models.language.quantized.gguf_tokenizer import end_token, read_tokenizer
from models.language.quantized.nibble_planes import (
    Floats,
    NibblePlane,
    concatenated,
    fingerprint,
    nibble_planes,
)
from models.language.quantized.packed_linear import PackedLinear, QuantizedEmbedding

NAME = "smollm2"  # of the network
ASKING = ("query", "key", "value")  # matrices with the same input
FEEDING = ("gate", "up")
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

# Names of the matrices of a layer: in the file, and in the decoder.
LAYER = {
    "attn_norm": "attention_norm",
    "attn_q": "query",
    "attn_k": "key",
    "attn_v": "value",
    "attn_output": "out",
    "ffn_norm": "inner_norm",
    "ffn_gate": "gate",
    "ffn_up": "up",
    "ffn_down": "down",
}


@dataclass(frozen=True, slots=True, eq=False)
class ChatModel:
    """A decoder and its tokenizer; `end` is the token at the end of a turn."""

    decoder: Decoder | EngineDecoder
    table: tokenizers.Tokenizer
    end: int

    def encode(self, text: str) -> Tensor:
        """Return the tokens of `text`, int64 (count,), control tokens included."""
        return torch.tensor(self.table.encode(text).ids, dtype=torch.long)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`, without control tokens."""
        decoded: str = self.table.decode(list(tokens))
        return decoded


@dataclass(frozen=True, slots=True, eq=False)
class DenseChatModel(ChatModel):
    """A chat model of dense matrices, which can be trained."""

    decoder: Decoder


def system_prompt(system: str) -> str:
    """Return the start of a conversation, up to the user's turn."""
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n"


def question_prompt(question: str) -> str:
    """Return the end of the user's turn, up to the answer."""
    return f"{question}<|im_end|>\n<|im_start|>assistant\n"


def load(folder: Path) -> DenseChatModel:
    """Return the model in `folder` as dense float32 matrices, without gradients.

    Raises:
        WeightsError: the file is missing, damaged, or not a Llama model.
    """
    file = read(folder / FILE)
    try:
        decoder = Decoder(decoder_config(file))
        decoder.load_state_dict(dense_weights(file), assign=True)
    except (RuntimeError, KeyError) as error:
        raise WeightsError(f"{folder / FILE}: not the weights of a Llama ({error})") from error
    decoder.eval().requires_grad_(False)
    return DenseChatModel(decoder, read_tokenizer(file), end_token(file))


def load_quantized(
    folder: Path,
    *,
    opening: str = "",
    slots: int | None = None,
    load_engine: EngineLoader = load_in_torch,
) -> ChatModel:
    """Return the model in `folder` for inference, with weights in 4 and 8 bits.

    A memory that reads a stream after another `opening` than this cannot use it.
    With `slots`, caches have this fixed size, which TensorRT needs.

    Raises:
        WeightsError: the file is missing, damaged, not a Llama model, or has other types of
            blocks.
        EngineError: the engine cannot be made or loaded.
    """
    file, table = read(folder / FILE), None
    try:
        table = read_tokenizer(file)
        sinks = len(table.encode(opening).ids)
        sizes = CacheSizes(sinks, slots)
        decoder = quantized_decoder(file, sizes, load_engine)
    except (RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"{folder / FILE}: not a Llama in 4 bits ({error})") from error
    return ChatModel(decoder, table, end_token(file))


def quantized_decoder(
    file: GgufFile, sizes: CacheSizes, load_engine: EngineLoader
) -> EngineDecoder:
    """Return the decoder in `file` without unpacking its blocks.

    Raises:
        KeyError, ValueError: tensors are missing or misshapen.
        EngineError: the engine cannot be made or loaded.
    """
    config = decoder_config(file)
    parts, _ = layer_matrices(file, config, 0)
    embedding = file.tensors["token_embd.weight"]
    source = NetworkSource(
        spec=decoder_spec(config, sizes, name=NAME),
        weights=weights_digest(file),
        build=partial(quantized_network, file, sizes),
    )
    return EngineDecoder(
        config,
        QuantizedEmbedding(file.mapped(embedding.name), embedding.tensor_type),
        load_engine(source),
        sizes,
        fingerprint=fingerprint(concatenated([parts[part] for part in ASKING])),
    )


def quantized_network(file: GgufFile, sizes: CacheSizes) -> DecoderNetwork:
    """Return the layers and the head in `file` as one network.

    Raises:
        KeyError, ValueError: tensors are missing or misshapen.
    """
    config = decoder_config(file)
    layers = []
    for index in range(config.layers):
        parts, norms = layer_matrices(file, config, index)
        asking, feeding = ([parts[part] for part in parts_] for parts_ in (ASKING, FEEDING))
        layers.append(
            LayerParts(
                attention_norm=torch.from_numpy(norms[0]),
                asking=PackedLinear(concatenated(asking)),
                out=PackedLinear(parts["out"]),
                inner_norm=torch.from_numpy(norms[1]),
                feeding=PackedLinear(concatenated(feeding)),
                down=PackedLinear(parts["down"]),
            )
        )
    head = file.tensors["token_embd.weight" if config.tied else "output.weight"]
    return DecoderNetwork(
        decoder_spec(config, sizes, name=NAME),
        config,
        layers,
        torch.from_numpy(file.floats("output_norm.weight")),
        PackedLinear(nibble_planes(head.data, head.tensor_type)),
        sinks=sizes.sinks,
    )


def weights_digest(file: GgufFile) -> str:
    """Return a digest of all weights, SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(file.tensors.items()):
        digest.update(name.encode() + str(tensor.tensor_type).encode() + bytes(tensor.data.data))
    return digest.hexdigest()


def layer_matrices(
    file: GgufFile, config: DecoderConfig, index: int
) -> tuple[dict[str, list[NibblePlane]], list[Floats]]:
    """Return the planes of a layer's matrices by `LAYER`'s names, and its two norms."""
    parts, norms = {}, []
    for name, part in LAYER.items():
        tensor = file.tensors[f"blk.{index}.{name}.weight"]
        if tensor.data.ndim == 1:
            norms.append(file.floats(tensor.name))
            continue
        planes = nibble_planes(tensor.data, tensor.tensor_type)
        if part in ("query", "key"):
            heads = config.heads if part == "query" else config.key_heads
            order = halved(torch.arange(len(planes[0].q))[:, None], heads).flatten().numpy()
            planes = [plane.reordered(order) for plane in planes]
        parts[part] = planes
    return parts, norms


def decoder_config(file: GgufFile) -> DecoderConfig:
    """Return the sizes in the metadata of `file`."""
    width = int(file.number("llama.embedding_length"))
    heads = int(file.number("llama.attention.head_count"))
    return DecoderConfig(
        vocabulary=int(file.number("llama.vocab_size")),
        width=width,
        layers=int(file.number("llama.block_count")),
        heads=heads,
        key_heads=int(file.number("llama.attention.head_count_kv")),
        head_width=width // heads,
        inner_width=int(file.number("llama.feed_forward_length")),
        theta=file.number("llama.rope.freq_base"),
        epsilon=file.number("llama.attention.layer_norm_rms_epsilon"),
        tied="output.weight" not in file.tensors,
    )


def dense_weights(file: GgufFile) -> dict[str, Tensor]:
    """Return the tensors of `file`, unpacked, by the decoder's names."""
    config = decoder_config(file)
    shared = {"token_embd": "embedding", "output_norm": "norm", "output": "head"}
    state = {}
    for name in file.tensors:
        tensor = torch.from_numpy(file.floats(name))
        parts = name.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):
                count = config.heads if parts[2] == "attn_q" else config.key_heads
                tensor = halved(tensor, count)
            state[f"blocks.{parts[1]}.{LAYER[parts[2]]}.weight"] = tensor
        elif parts[0] in shared:
            state[f"{shared[parts[0]]}.weight"] = tensor
    return state


def halved(rows: Tensor, heads: int) -> Tensor:
    """Return Q or K rows in the order for `apply_rotary`, from the interleaved order of GGUF.

    `rows` is (heads * width, in); in GGUF the two rows of one frequency are adjacent.
    """
    paired = rows.reshape(heads, -1, 2, rows.shape[1])
    return paired.transpose(1, 2).reshape(rows.shape)
