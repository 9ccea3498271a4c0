"""Queries of the decoder in training: many moments of one utterance in one pass.

Each token is read with the sound known when it was written, as in a stream that keeps the decoder's
keys and values. Beside this main row are extra queries of the same positions: early ones, whose
answer is end of text, and late ones, which must confirm the token. Extra queries attend to the main
row before them; nothing attends to them.

    index    ... i-1        i          i+1     | i, early        i, late
    reads    ... token i-1  token i    ...     | token i         token i
    horizon  ... h(i-1)     h(i)       ...     | h(i-1)..<h(i)   > h(i)
    answer   ... token i    token i+1  ...     | end of text     token i+1

where h(i) is the first block end at which token i+1 is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.whisper.whisper import DecoderLayer, Whisper

IGNORED = -100
MAIN, EARLY, LATE = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """One item's queries, each list as long as `tokens`; the first `main` are the main row."""

    tokens: list[int]
    places: list[int]
    horizons: list[int]
    answers: list[int]
    kinds: list[int]
    main: int


def build_queries(
    opening: Sequence[int],
    tokens: Sequence[int],
    ends: Sequence[int],
    *,
    frames: int,
    blocks: BlockSizes | None,
    end_of_text: int,
    rng: np.random.Generator,
) -> Queries:
    """Return the queries of one item of `frames` frames; token i can be known at `ends[i]`."""
    stops = np.array(blocks.ends(frames) if blocks else [frames])
    known = [token for token, end in zip(tokens, ends, strict=True) if end <= frames]
    due = [int(stops[np.searchsorted(stops, end)]) for end in ends[: len(known)]]
    lead = len(opening) - 1
    reads = [*opening, *known]
    horizons = [int(stops[0])] * lead + [*due, frames]
    answers = [IGNORED] * lead + [*known, end_of_text]
    kinds = [MAIN] * len(reads)
    places = list(range(len(reads)))
    for index in range(len(known) + 1):
        place = lead + index
        since = due[index - 1] if index else int(stops[0])
        early = stops[(stops >= since) & (stops < horizons[place])]
        if len(early):
            _add(
                horizons, answers, kinds, places, int(rng.choice(early)), end_of_text, EARLY, place
            )
        late = stops[stops > horizons[place]][:3]
        if len(late) and index < len(known) and rng.random() < 0.3:
            _add(horizons, answers, kinds, places, int(rng.choice(late)), known[index], LATE, place)
    main = len(reads)
    reads += [reads[place] for place in places[main:]]
    return Queries(reads, places, horizons, answers, kinds, main)


def _add(
    horizons: list[int],
    answers: list[int],
    kinds: list[int],
    places: list[int],
    horizon: int,
    answer: int,
    kind: int,
    place: int,
) -> None:
    horizons.append(horizon)
    answers.append(answer)
    kinds.append(kind)
    places.append(place)


@dataclass(frozen=True, slots=True, eq=False)
class PackedQueries:
    """A batch of queries, padded: int64 (batch, length), masks bool (batch, 1, length, ...)."""

    tokens: Tensor
    places: Tensor
    answers: Tensor
    kinds: Tensor
    self_mask: Tensor
    sound_mask: Tensor

    def to(self, device: torch.device) -> "PackedQueries":
        """Return the same queries on `device`."""
        parts = (self.tokens, self.places, self.answers, self.kinds, self.self_mask)
        return PackedQueries(*(part.to(device) for part in (*parts, self.sound_mask)))


def pack(batch: Sequence[Queries], frames: int) -> PackedQueries:
    """Pad `batch` to one length; padded rows answer nothing and see themselves."""
    length = max(len(queries.tokens) for queries in batch)
    shape = (len(batch), length)
    tokens = torch.zeros(shape, dtype=torch.long)
    places, kinds = tokens.clone(), tokens.clone()
    answers = torch.full(shape, IGNORED)
    self_mask = torch.eye(length, dtype=torch.bool).repeat(len(batch), 1, 1)
    horizons = torch.full(shape, frames)
    for row, queries in enumerate(batch):
        count = len(queries.tokens)
        tokens[row, :count] = torch.tensor(queries.tokens)
        places[row, :count] = torch.tensor(queries.places)
        kinds[row, :count] = torch.tensor(queries.kinds)
        answers[row, :count] = torch.tensor(queries.answers)
        horizons[row, :count] = torch.tensor(queries.horizons)
        before = torch.arange(queries.main)[None] < places[row, :count, None]
        self_mask[row, :count, : queries.main] |= before
    sound_mask = torch.arange(frames) < horizons[:, :, None]
    return PackedQueries(tokens, places, answers, kinds, self_mask[:, None], sound_mask[:, None])


def decode_queries(model: Whisper, encoded: Tensor, packed: PackedQueries) -> Tensor:
    """Return the decoder's hidden vectors for the queries, (batch, length, width)."""
    decoder = model.decoder
    x = decoder.embedding(packed.tokens) + decoder.positions[packed.places]
    for layer in decoder.layers:
        assert isinstance(layer, DecoderLayer)
        normed = layer.self_attention_norm(x)
        seen = layer.self_attention.keys_values(normed)
        x = x + layer.self_attention(normed, seen, packed.self_mask)
        asked = layer.cross_attention_norm(x)
        sound = layer.cross_attention.keys_values(encoded)
        x = x + layer.cross_attention(asked, sound, packed.sound_mask)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
    hidden: Tensor = decoder.norm(x)
    return hidden
