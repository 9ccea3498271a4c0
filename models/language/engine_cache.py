"""The cache of a stream for a decoder that runs in an engine: slots, and which of them are seen."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.engine import EngineState
from models.errors import EngineError
from models.language.decoder import DecoderConfig

EMPTY = -1  # the index of a slot without a token
NEW = ("keys", "values")  # of the tokens of a run
GROWTH = 64  # slots at least that a cache grows by


@dataclass(frozen=True, slots=True)
class Span:
    """A token sees the last `tokens` tokens, itself included, from number `first` of the stream on.

    The sinks that are further back are at `distance`.
    """

    tokens: int
    distance: int
    first: int = 0


class EngineCache:
    """The cache of one stream, in slots that grow as it does.

    `whole` is (layers, 2, 1, key heads, slots, head width). `index` is int64 (slots,): the place in
    the stream of the token in each slot. The first `sinks` slots are `EMPTY`: they hold keys
    without rotation. The next token has `position`, and goes to `next_slot`. If layers hold
    different tokens, `hidden` says what each does not see: bool (layers, 1 or key heads, slots).
    """

    def __init__(
        self,
        config: DecoderConfig,
        *,
        sinks: int,
        limit: int | None = None,
        fixed: int | None = None,
        like: Tensor | None = None,
    ) -> None:
        """Start empty, in the precision and on the device of `like`, by default on the CPU.

        At `limit` slots, new tokens replace the oldest; `fixed` ones stay.
        """
        self.hidden: Tensor | None = None
        self.sinks = self.next_slot = sinks
        self.position = self.length = 0
        self.limit, self._fixed = limit, fixed
        shape = (config.layers, 2, 1, config.key_heads, 0, config.head_width)
        self.whole = torch.zeros(shape) if like is None else like.new_zeros(shape)
        self.index = torch.zeros(0, dtype=torch.int64)
        self._resize(fixed or min(sinks + GROWTH, limit or sinks + GROWTH))

    @property
    def slots(self) -> int:
        return len(self.index)

    def claim(self, count: int) -> int:
        """Return the first of `count` adjacent slots for the next tokens.

        Raises:
            EngineError: the slots do not grow, and there are not enough.
        """
        end = self.next_slot + count
        if self._fixed is not None and end > self._fixed and self.limit is None:
            raise EngineError(f"{self._fixed} slots are too few, {end} are needed")
        if end > self.slots and self.limit is not None and end > self.limit:
            self.next_slot = self.sinks
        elif end > self.slots:
            grown = max(end, self.slots + max(GROWTH, self.slots // 4))
            self._resize(grown if self.limit is None else min(grown, self.limit))
        start = self.next_slot
        self.index[start : start + count] = torch.arange(self.length, self.length + count)
        self.next_slot += count
        self.length += count
        return start

    def put(self, keys: Tensor, values: Tensor) -> None:
        """Append rotated keys, and values, (layers, key heads, count, head width) each."""
        start = self.claim(keys.shape[2])
        place = slice(start, start + keys.shape[2])
        self.whole[:, 0, 0, :, place] = keys
        self.whole[:, 1, 0, :, place] = values

    def set_sinks(self, memory: Tensor) -> None:
        """Set the sinks: keys before rotation and values, as in `Reading.memory`."""
        self.whole[:, :, 0, :, : self.sinks] = memory

    def drop_last(self, count: int) -> None:
        """Remove the last `count` tokens, which are in adjacent slots."""
        self.index[self.next_slot - count : self.next_slot] = EMPTY
        self.next_slot -= count
        self.length -= count
        self.position -= count

    def restart(self, length: int) -> None:
        """Remove all tokens but the sinks; the next is number `length` of the stream."""
        self.index.fill_(EMPTY)
        self.next_slot, self.length = self.sinks, length

    def _resize(self, slots: int) -> None:
        more = slots - self.slots
        self.whole = F.pad(self.whole, (0, 0, 0, more))
        self.index = F.pad(self.index, (0, more), value=EMPTY)
        if self.hidden is not None:
            self.hidden = F.pad(self.hidden, (0, more))
        self.state = cache_state(self.whole)


def cache_state(whole: Tensor) -> EngineState:
    """Return the state whose caches are (layers, 2, rows, key heads, slots, head width)."""
    return EngineState(
        {
            f"{name}.{layer}": whole[layer, part]
            for layer in range(len(whole))
            for part, name in enumerate(NEW)
        }
    )


def visible(cache: EngineCache, asked: Tensor, span: Span | None) -> Tensor:
    """Return which slots tokens see, bool (count, slots).

    `asked`, int64 (count, 1), are the places of the tokens in the stream.
    """
    seen = (cache.index > EMPTY) & (cache.index <= asked)
    if span is not None:
        seen &= (cache.index > asked - span.tokens) & (cache.index >= span.first)
        seen[:, : cache.sinks] = asked - torch.arange(cache.sinks) >= span.tokens
    return seen
