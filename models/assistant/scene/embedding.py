"""Pseudo-words: a moment as embeddings that a frozen language model reads as a line of text.

Where the thing's name stands, the embeddings of its possible names are mixed by their shares,
token by token: the model reads mostly the likeliest name, and a little of the others.
"""

import torch
from torch import Tensor

from models.assistant.scene.scene_entry import SceneEntry, after, before
from models.language.smollm2 import Chat

NOTHING = "nothing"  # what a dark or empty picture shows


def embed(chat: Chat, moment: SceneEntry) -> Tensor:
    """Return the line of `moment` as embeddings, float32 (tokens, width)."""
    names = moment.names or ((NOTHING, 1.0),)
    parts = [_plain(chat, before(moment)), mixture(chat, names), _plain(chat, after(moment))]
    return torch.cat(parts)


def mixture(chat: Chat, names: tuple[tuple[str, float], ...]) -> Tensor:
    """Return the embeddings of the likeliest name, each mixed with those of the other names.

    The first of `names` decides how many tokens there are. At a token that a name does not
    have, the shares of the others are scaled up.
    """
    spelt = [(chat.tokens(f" {name}"), share) for name, share in names]
    count = len(spelt[0][0])
    rows = []
    for place in range(count):
        present = [(tokens[place], share) for tokens, share in spelt if place < len(tokens)]
        weights = torch.tensor([share for _, share in present])
        vectors = chat.decoder.embed(torch.stack([token for token, _ in present]))
        rows.append((weights / weights.sum()) @ vectors)
    return torch.stack(rows)


def _plain(chat: Chat, text: str) -> Tensor:
    return chat.decoder.embed(chat.tokens(text))
