"""The byte-pair tokenizer in the metadata of a GGUF file."""

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from models.language.quantized.gguf_file import GgufFile

CONTROL = 3  # token type of GGUF: a control token


def read_tokenizer(file: GgufFile) -> tokenizers.Tokenizer:
    """Return the byte-pair tokenizer in the metadata of `file`."""
    names = file.array("tokenizer.ggml.tokens")
    merges = [_pair(merge) for merge in file.array("tokenizer.ggml.merges")]
    vocabulary = {name: index for index, name in enumerate(names)}
    table = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    table.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    table.decoder = decoders.ByteLevel()
    types = file.array("tokenizer.ggml.token_type")
    table.add_special_tokens(
        [name for name, kind in zip(names, types, strict=True) if kind == CONTROL]
    )
    return table


def end_token(file: GgufFile) -> int:
    """Return the token at the end of a turn."""
    return int(file.number("tokenizer.ggml.eos_token_id"))


def _pair(merge: str) -> tuple[str, str]:
    first, _, second = merge.partition(" ")
    return first, second
