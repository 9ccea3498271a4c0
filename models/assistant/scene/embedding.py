"""Scene entries as embeddings that a frozen language model reads as a line of text.

In place of the name stand the embeddings of its candidates, mixed by their probabilities, token by
token: the model reads mostly the likeliest name, and a little of the others.
"""

import torch
from torch import Tensor

from models.assistant.scene.scene_entry import SceneEntry, text_after_name, text_before_name
from models.language.smollm2 import ChatModel

NOTHING = "nothing"  # the name in a dark or empty frame


def embed(chat: ChatModel, scene: SceneEntry) -> Tensor:
    """Return the line of `scene` as embeddings, float32 (tokens, width)."""
    names = scene.names or ((NOTHING, 1.0),)
    before, after = _embed(chat, text_before_name(scene)), _embed(chat, text_after_name(scene))
    return torch.cat([before, mixture(chat, names), after])


def mixture(chat: ChatModel, names: tuple[tuple[str, float], ...]) -> Tensor:
    """Return the embeddings of the first name, each mixed with those of the other names.

    The first of `names` determines the number of tokens. At a token that a name does not have,
    the probabilities of the others are scaled up.
    """
    tokenized = [(chat.encode(f" {name}"), probability) for name, probability in names]
    count = len(tokenized[0][0])
    rows = []
    for index in range(count):
        present = [(tokens[index], weight) for tokens, weight in tokenized if index < len(tokens)]
        weights = torch.tensor([weight for _, weight in present])
        vectors = chat.decoder.embed(torch.stack([token for token, _ in present]))
        rows.append((weights / weights.sum()) @ vectors)
    return torch.stack(rows)


def _embed(chat: ChatModel, text: str) -> Tensor:
    return chat.decoder.embed(chat.encode(text))
