"""Decodes tokens over a sound: hypotheses branch from each other without copies.

All hypotheses over a sound share one cache of keys and values. Each has its own list of slots, and
a slot is written once. So every state stays valid, and several hypotheses are read in one pass.

    slot      0    1    2    3    4    5
    token     <s>  so   it   they goes go
    state A   0 1 2 4         "so it goes"
    state B   0 1 3 5         "so they go"
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.asr.whisper.checkpoint import AlignmentHeads
from models.asr.whisper.sound import EncodedSound
from models.asr.whisper.whisper import WhisperConfig
from models.asr.whisper.whisper_networks import sound_names
from models.engine import Engine, EngineState

Slots = NDArray[np.int64]


class TextCache:
    """Keys and values of tokens; states say which slots are theirs. Slots are given out in order.

    `buffers` are (1, heads, slots, width of a head), a pair for each layer.
    """

    def __init__(self, buffers: EngineState, used: int = 0) -> None:
        self.buffers = buffers
        self.used = used

    @property
    def slots(self) -> int:
        return next(iter(self.buffers.buffers.values())).shape[2]

    @property
    def device(self) -> torch.device:
        return next(iter(self.buffers.buffers.values())).device

    def take(self, count: int) -> Slots:
        """Return `count` slots that nobody has."""
        self.used += count
        assert self.used <= self.slots
        return np.arange(self.used - count, self.used)

    def gathered(self, slots: Slots, fresh: EngineState) -> "TextCache":
        """Return a cache in the zeroed buffers `fresh` that begins with `slots` of this one."""
        chosen = torch.from_numpy(slots)
        for name, buffer in self.buffers.buffers.items():
            fresh.buffers[name][:, :, : len(slots)] = buffer[:, :, chosen.to(buffer.device)]
        return TextCache(fresh, len(slots))


@dataclass(frozen=True, slots=True, eq=False)
class DecoderState:
    """A hypothesis over `sound`: where the keys and values of its tokens are, in their order."""

    sound: EncodedSound
    cache: TextCache
    slots: Slots

    @property
    def length(self) -> int:
        """How many tokens were decoded."""
        return len(self.slots)

    def cut(self, length: int) -> "DecoderState":
        """Return the state as it was after the first `length` tokens."""
        return replace(self, slots=self.slots[:length])

    def over(self, sound: EncodedSound) -> "DecoderState":
        """Return the same tokens over another sound: keys and values of the text stay."""
        return replace(self, sound=sound.to(self.cache.device))


@dataclass(frozen=True, slots=True, eq=False)
class DecodedTokens:
    """What a pass over tokens gave.

    `logits` (rows, vocabulary) are the scores after some of them, and `queries` (alignment heads,
    tokens, width of a head) the queries of the alignment heads for all of them.
    """

    logits: Tensor
    queries: Tensor
    state: DecoderState


class WhisperDecoder:
    """Whisper's decoder, run by an engine; shared by all sessions.

    `heads` are the alignment heads, whose `queries` the engine returns.
    """

    def __init__(self, config: WhisperConfig, heads: AlignmentHeads, engine: Engine) -> None:
        self.config = config
        self.heads = heads
        self._engine = engine
        self._names = sound_names(config)

    def open(self, sound: EncodedSound) -> DecoderState:
        """Return the state before any token."""
        cache = TextCache(self._engine.new_state(batch=1))
        return DecoderState(sound.to(cache.device), cache, _NONE)

    def decode(
        self, tokens: Sequence[int], state: DecoderState, scored: Sequence[int] = (-1,)
    ) -> DecodedTokens:
        """Decode `tokens` after those of `state`.

        The rows of `logits` are those after the tokens at the indexes `scored`.
        """
        (state,) = self._with_room([state], len(tokens))
        fresh, count = state.cache.take(len(tokens)), len(tokens)
        visible = np.zeros((count, state.cache.slots), np.bool_)
        visible[:, state.slots] = True
        visible[:, fresh] = np.tri(count, dtype=np.bool_)
        positions = np.arange(state.length, state.length + count)
        rows = np.arange(count)[list(scored)]
        logits, queries = self._run(state, tokens, positions, int(fresh[0]), visible, rows)
        return DecodedTokens(
            logits, queries, replace(state, slots=np.concatenate([state.slots, fresh]))
        )

    def extend(self, pairs: Sequence[tuple[DecoderState, int]]) -> list[DecodedTokens]:
        """Decode the next token of each of several hypotheses over the same sound."""
        found: dict[int, DecodedTokens] = {}
        states = self._with_room([state for state, _ in pairs], 1)
        for indexes in _by_cache(states):
            group = [states[index] for index in indexes]
            count = len(group)
            fresh = group[0].cache.take(count)
            visible = np.zeros((count, group[0].cache.slots), np.bool_)
            for row, state in enumerate(group):
                visible[row, state.slots] = True
                visible[row, fresh[row]] = True
            tokens = [pairs[index][1] for index in indexes]
            positions = np.array([state.length for state in group])
            logits, queries = self._run(
                group[0], tokens, positions, int(fresh[0]), visible, np.arange(count)
            )
            for row, (index, state) in enumerate(zip(indexes, group, strict=True)):
                grown = replace(state, slots=np.append(state.slots, fresh[row]))
                found[index] = DecodedTokens(
                    logits[row : row + 1], queries[:, row : row + 1], grown
                )
        return [found[index] for index in range(len(pairs))]

    def cross_scores(self, queries: Tensor, sound: EncodedSound) -> Tensor:
        """Return the scores of the alignment heads before the softmax, (heads, tokens, frames).

        `queries` are those of `DecodedTokens` over `sound`.
        """
        keys = [sound.layers[layer][0][0, head] for layer, head in self.heads]
        scale: float = queries.shape[2] ** -0.5
        pairs = zip(queries, keys, strict=True)
        return torch.stack(
            [asked.to(key.device) @ key.float().T * scale for asked, key in pairs]
        ).to(queries.device)

    def _run(
        self,
        state: DecoderState,
        tokens: Sequence[int],
        positions: Slots,
        start: int,
        visible: NDArray[np.bool_],
        scored: Slots,
    ) -> tuple[Tensor, Tensor]:
        """Run a pass in the cache and over the sound of `state`; return logits and queries."""
        inputs = {
            "tokens": torch.tensor([list(tokens)]),
            "positions": torch.from_numpy(positions)[None],
            "start": torch.tensor([start]),
            "visible": torch.from_numpy(visible)[None, None],
            "scored": torch.from_numpy(scored)[None],
        }
        inputs |= zip(self._names, state.sound.tensors, strict=True)
        outputs = self._engine.run(inputs, state.cache.buffers)
        return outputs["logits"][0], outputs["queries"][0]

    def _with_room(self, states: Sequence[DecoderState], count: int) -> list[DecoderState]:
        """Return `states` in caches that have room for `count` more tokens of each.

        The slots of a full cache that these states have are copied to a new one; if they are too
        many, the states are divided.
        """
        moved = list(states)
        for indexes in _by_cache(states):
            group = [states[index] for index in indexes]
            if not _fits(group, group[0].cache.used, count):
                for index, state in zip(indexes, self._moved(group, count), strict=True):
                    moved[index] = state
        return moved

    def _moved(self, group: Sequence[DecoderState], count: int) -> list[DecoderState]:
        """Return states that share a cache in a new one, or in several."""
        held = np.unique(np.concatenate([state.slots for state in group]))
        if len(group) > 1 and not _fits(group, len(held), count + SPARE):
            half = len(group) // 2
            return [*self._moved(group[:half], count), *self._moved(group[half:], count)]
        cache = group[0].cache.gathered(held, self._engine.new_state(batch=1))
        return [
            replace(state, cache=cache, slots=np.searchsorted(held, state.slots)) for state in group
        ]


SPARE = 16  # tokens of each hypothesis that a new cache has room for: a copy is rarely needed
_NONE: Slots = np.zeros(0, np.int64)


def _fits(group: Sequence[DecoderState], used: int, count: int) -> bool:
    """Return whether the cache of `group` has room if `used` slots are taken."""
    return used + count * len(group) <= group[0].cache.slots


def _by_cache(states: Sequence[DecoderState]) -> list[list[int]]:
    """Return the indexes of the states in each cache."""
    groups: dict[int, list[int]] = {}
    for index, state in enumerate(states):
        groups.setdefault(id(state.cache), []).append(index)
    return list(groups.values())
