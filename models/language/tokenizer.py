"""Text to tokens and back, for models whose cos_sin are marked by special tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.errors import WeightsError

END = "<|im_end|>"  # of a turn, in Qwen's conversations


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChatTokenizer:
    """A tokenizer twice: as it is, and one that reads the names of special tokens as text.

    What a user writes goes through the second: nobody may end a turn by writing so.
    """

    special: Tokenizer
    literal: Tokenizer
    device: torch.device

    @property
    def end(self) -> int:
        """The token that ends a turn."""
        token: int | None = self.special.token_to_id(END)
        assert token is not None
        return token

    def encode_template(self, text: str) -> Tensor:
        """Return the tokens of our own `text`, int64 (count,), special ones by their names."""
        return self._tokens(text, self.special)

    def encode_user_text(self, text: str) -> Tensor:
        """Return the tokens of a question itself, int64 (count,): what retrieval goes by."""
        return self._tokens(text.strip(), self.literal)

    def decode_stream(self, tokens: Iterator[int]) -> Iterator[str]:
        """Yield pieces of text as `tokens` come; a character is never cut in two."""
        held: list[int] = []
        said = ""
        for token in tokens:
            held.append(token)
            now = self.special.decode(held)
            if not now.endswith("�") and len(now) > len(said):
                yield now[len(said) :]
                said = now
        rest = self.special.decode(held)[len(said) :]
        if rest:
            yield rest

    def _tokens(self, text: str, tokenizer: Tokenizer) -> Tensor:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return torch.tensor(ids, dtype=torch.int64, device=self.device)


def load_tokenizer(file: Path, *, device: str) -> ChatTokenizer:
    """Return the language of a tokenizer.json.

    Raises:
        WeightsError: it is missing, or not a tokenizer of such a model.
    """
    try:
        special, literal = (Tokenizer.from_file(str(file)) for _ in range(2))
    except Exception as error:  # the library raises nothing narrower
        raise WeightsError(f"{file}: no readable tokenizer ({error})") from error
    if special.token_to_id(END) is None:
        raise WeightsError(f"{file}: has no {END}")
    literal.encode_special_tokens = True
    return ChatTokenizer(special=special, literal=literal, device=torch.device(device))
