"""Tokenizer of chat models, whose turns are delimited by special tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.errors import WeightsError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChatTokenizer:
    """A tokenizer, and a second one that encodes the names of special tokens as ordinary text.

    User text is encoded by the second, so a user cannot insert special tokens. `end` is the token
    at the end of a turn.
    """

    special: Tokenizer
    literal: Tokenizer
    device: torch.device
    end: int

    def encode_template(self, text: str) -> Tensor:
        """Return the tokens of a template, int64 (count,), with special tokens."""
        return self._tokens(text, self.special)

    def encode_user_text(self, text: str, gap: str = "") -> Tensor:
        """Return the tokens of user text after a `gap`, int64 (count,), without special tokens."""
        return self._tokens(gap + text.strip(), self.literal)

    def decode_stream(self, tokens: Iterator[int]) -> Iterator[str]:
        """Yield pieces of text as `tokens` arrive; a character is never split."""
        received: list[int] = []
        sent = ""
        for token in tokens:
            received.append(token)
            now = self.special.decode(received)
            if not now.endswith("�") and len(now) > len(sent):
                yield now[len(sent) :]
                sent = now
        rest = self.special.decode(received)[len(sent) :]
        if rest:
            yield rest

    def _tokens(self, text: str, tokenizer: Tokenizer) -> Tensor:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return torch.tensor(ids, dtype=torch.int64, device=self.device)


def load_tokenizer(file: Path, *, device: str, end: str) -> ChatTokenizer:
    """Return the tokenizer of a tokenizer.json; the special token `end` is at the end of a turn.

    Raises:
        WeightsError: the file is missing, or is not the tokenizer of a chat model.
    """
    try:
        special, literal = (Tokenizer.from_file(str(file)) for _ in range(2))
    except Exception as error:  # the library raises nothing narrower
        raise WeightsError(f"{file}: no readable tokenizer ({error})") from error
    token: int | None = special.token_to_id(end)
    if token is None:
        raise WeightsError(f"{file}: has no {end}")
    literal.encode_special_tokens = True
    return ChatTokenizer(special=special, literal=literal, device=torch.device(device), end=token)
