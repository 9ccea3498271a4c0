"""A decoder that runs in an engine: all layers at once, over a cache of slots.

`EngineDecoder` has what `models.language.decoder.Decoder` has for embeddings and generation. Its
one cache serves all layers. A memory reads frames with it in `models.memory.engine_reader`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.engine import Engine, EngineState
from models.errors import EngineError
from models.language.decoder import DecoderConfig
from models.language.decoder_networks import MAX_COUNT, CacheSizes
from models.language.kv_cache import DecoderCache

WINDOW_CHUNK = 128  # tokens that are read at once through a window
EMPTY = -1  # the index of a slot without a token
NEW = ("keys", "values")  # of the tokens of a run
GROWTH = 64  # slots at least that a cache grows by


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a run returns for one stream.

    `scores` are those of the token after the last, (vocabulary,). `memory` are the keys before
    rotation and the values that were added, (layers, 2, key heads, count, head width).
    """

    scores: Tensor
    memory: Tensor


class EngineCache:
    """The cache of one stream, in slots that grow as it does.

    `whole` is (layers, 2, 1, key heads, slots, head width). `index` is int64 (slots,): the place in
    the stream of the token in each slot. The first `sinks` slots are `EMPTY`: they hold keys
    without rotation. The next token has `position`, and goes to `next_slot`.
    """

    def __init__(
        self,
        config: DecoderConfig,
        *,
        sinks: int,
        limit: int | None = None,
        fixed: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Start empty. At `limit` slots, new tokens replace the oldest; `fixed` ones stay."""
        self.sinks = self.next_slot = sinks
        self.position = self.length = 0
        self.limit, self._fixed = limit, fixed
        shape = (config.layers, 2, 1, config.key_heads, 0, config.head_width)
        self.whole = torch.zeros(shape, device=device)
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


class EngineDecoder:
    """Embeddings of tokens, and one engine for all layers and the head.

    `fingerprint` is a checksum of weights that stored keys and values depend on.
    """

    def __init__(
        self,
        config: DecoderConfig,
        embedding: nn.Module,
        engine: Engine,
        sizes: CacheSizes,
        *,
        fingerprint: int,
    ) -> None:
        self.config, self.sinks, self.fingerprint = config, sizes.sinks, fingerprint
        self.engine = engine
        self.like = torch.zeros(())  # has the precision of keys and values
        self._embedding = embedding
        self._fixed = sizes.slots
        self._none = torch.zeros(2, config.head_width // 2)

    @cached_property
    def device(self) -> torch.device:
        """Where the engine has its caches."""
        state = self.engine.new_state(batch=1, slots=self.sinks + 1)
        return next(iter(state.buffers.values())).device

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of int64 `tokens`, (count, width)."""
        embedded: Tensor = self._embedding(tokens)
        return embedded

    def new_caches(self, spare: int = 0) -> list[EngineCache]:
        """Return an empty cache, which serves all layers; it grows, so `spare` is not needed."""
        del spare
        return [self.new_cache()]

    def new_cache(self, *, window: int | None = None) -> EngineCache:
        """Return an empty cache; with a `window`, it holds that many tokens and those of a run.

        Raises:
            EngineError: the engine has caches of a fixed size, and they are too small.
        """
        limit = None if window is None else self.sinks + window + 2 * WINDOW_CHUNK
        if limit is not None and self._fixed is not None and limit > self._fixed:
            raise EngineError(f"a window of {window} tokens needs {limit} slots, not {self._fixed}")
        return EngineCache(
            self.config,
            sinks=self.sinks,
            limit=limit,
            fixed=self._fixed,
            device=self.device,
        )

    def next_scores(self, x: Tensor, caches: Sequence[DecoderCache]) -> Tensor:
        """Read embeddings `x`, (count, width), after the cache; return the next token's scores."""
        (cache,) = caches
        assert isinstance(cache, EngineCache)
        positions = torch.arange(cache.position, cache.position + len(x))
        cache.position += len(x)
        return self.read(x, cache, positions).scores

    def read(
        self,
        x: Tensor,
        cache: EngineCache,
        positions: Tensor,
        *,
        window: int | None = None,
        distance: int = 0,
    ) -> Reading:
        """Read embeddings `x`, (count, width), and append them to `cache`.

        `positions` is int64, (count,) or (axes, count). With a `window`, each token sees the last
        `window` tokens, itself included, and the sinks beyond them at `distance`.
        """
        far = self._none
        if window is not None:
            far = torch.stack(self._rotation(torch.tensor([distance])))[:, 0]
        parts = []
        chunk = MAX_COUNT if window is None else WINDOW_CHUNK
        for low in range(0, len(x), chunk):
            part = x[low : low + chunk]
            rotation = self._rotation(positions[..., low : low + chunk])
            parts.append(self._run(part, cache, rotation, far, window))
        memory = parts[0].memory if len(parts) == 1 else torch.cat([p.memory for p in parts], 3)
        return Reading(parts[-1].scores, memory)

    def _run(
        self,
        x: Tensor,
        cache: EngineCache,
        rotation: tuple[Tensor, Tensor],
        far: Tensor,
        window: int | None,
    ) -> Reading:
        count = len(x)
        asked = torch.arange(cache.length, cache.length + count)[:, None]
        start = cache.claim(count)
        seen = (cache.index > EMPTY) & (cache.index <= asked)
        if window is not None:
            seen &= cache.index > asked - window
            seen[:, : cache.sinks] = asked - torch.arange(cache.sinks) >= window
        made = self._made(
            cache.state,
            {
                "x": x[None],
                "cosines": rotation[0][None],
                "sines": rotation[1][None],
                "far": far,
                "start": torch.tensor([start]),
                "mask": seen[None, None],
                "last": torch.tensor([[[count - 1]]]),
            },
        )
        config = self.config
        memory = torch.stack(
            [made[part].view(config.layers, config.key_heads, count, -1) for part in NEW], 1
        )
        return Reading(made["scores"][0], memory)

    def run_rows(
        self, x: Tensor, state: EngineState, positions: Tensor, start: Tensor, seen: Tensor
    ) -> Tensor:
        """Read one token of each stream; return the scores of the next, (rows, vocabulary).

        `x` is (rows, width); it goes to the slots `start`, int64 (rows,), and sees the slots that
        `seen` says, bool (rows, slots), which must contain its own.
        """
        cosines, sines = self._rotation(positions)
        made = self._made(
            state,
            {
                "x": x[:, None],
                "cosines": cosines[:, None],
                "sines": sines[:, None],
                "far": self._none,
                "start": start,
                "mask": seen[:, None, None],
                "last": torch.zeros(len(x), 1, 1, dtype=torch.int64),
            },
        )
        return made["scores"]

    def _made(self, state: EngineState, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {name: each.to(self.device) for name, each in inputs.items()}
        return self.engine.run(given, state)

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines, float32 (count, width / 2)."""
        half = self.config.head_width // 2
        cosines, sines = self.config.rotary.cos_sin(positions)
        return cosines[:, :half].float(), sines[:, :half].float()
