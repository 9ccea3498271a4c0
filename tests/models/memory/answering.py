"""Answers from a memory, by internal or external retrieval."""

from collections.abc import Collection, Iterator

from torch import Tensor

from models.memory.prefill import RekvState
from models.memory.rekv import Rekv


def rekv_answer(
    rekv: Rekv,
    state: RekvState,
    question: Tensor,
    *,
    prompt: Tensor | None = None,
    until: float | None = None,
    ids: Collection[int] | None = None,
    max_tokens: int = 128,
) -> Iterator[int]:
    """Yield the tokens of an answer; with `ids` from these blocks, else from retrieved ones."""
    if ids is None:
        retrieved = rekv.retrieve(state, question, until=until)
    else:
        retrieved = rekv.fetch(state, ids, until=until)
    return rekv.reply(retrieved, question if prompt is None else prompt, max_tokens=max_tokens)
