"""A tiny conversation model: random weights, and a tokenizer of bytes."""

import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers

from models.language.decoder import Decoder, DecoderConfig
from models.language.smollm2 import DenseChatModel
from tests.models.memory.tiny_memory import decoder

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def chat(seed: int = 0) -> DenseChatModel:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: index for index, name in enumerate([*SPECIAL, *letters])}
    table = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    table.pre_tokenizer = pre_tokenizers.ByteLevel(False)
    table.decoder = decoders.ByteLevel()
    table.add_special_tokens(SPECIAL)
    config = DecoderConfig(
        vocabulary=len(vocabulary),
        width=32,
        layers=2,
        heads=4,
        key_heads=2,
        head_width=8,
        inner_width=48,
        theta=10_000.0,
    )
    model: Decoder = decoder(config, seed=seed)
    assert next(model.parameters()).dtype == torch.float32
    return DenseChatModel(model, table, vocabulary["<|im_end|>"])
