"""ReKV: a video stream as retrievable blocks of keys and values, and answers from them.

Frames are read through a sliding window with sinks, and their keys and values are stored before
rotation. A question selects blocks, layer by layer; these are rotated to consecutive positions,
and the question is read after them. Answers do not change the memory, and one thread may answer
while another stores.

Source: ReKV, Di et al. 2025, section 3.
"""

import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.language.decoder import Decoder, TokenConfidence, generate
from models.language.engine_decoder import EngineDecoder
from models.language.head_set import HeadSet
from models.memory.block_layout import BlockLayout
from models.memory.combinations import check_engine, check_opening, check_policy
from models.memory.eviction import EvictionPolicy, KeepAll
from models.memory.kv_store.blocks import BlockTable
from models.memory.kv_store.fewer_bits import Bits
from models.memory.kv_store.tiers import BlockStore
from models.memory.positions import LinearPositions, VideoPositions
from models.memory.prefill import Frame, RekvState, check_frames, prefill_frames, prefill_opening
from models.memory.recent_blocks import save_recent, seen_recently
from models.memory.retrieval import Scoring, best_rows
from models.memory.retrieved_context import (
    RetrievedContext,
    load_context,
    retrieve_context,
    retrieve_in_engine,
)
from models.memory.stream_snapshot import BlockMask, StreamSnapshot, most_tokens, visible_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class RekvConfig:
    """`window` is in tokens; a question retrieves `blocks` blocks in each layer.

    Blocks are stored in `dtype`, by default that of the decoder, or in as many `bits` for each
    number; fewer bits take less space and lose precision. If not `internal`, blocks are selected by
    ids only, and have no representatives in RAM. With `heads`, only retrieval heads are stored.
    """

    window: int = 15_000
    blocks: int = 64
    scoring: Scoring = "dot"
    dtype: torch.dtype | None = None
    bits: Bits | None = None
    internal: bool = True
    heads: HeadSet | None = None
    span: int = 32  # blocks of the local trend, for the scoring "centered"


class Rekv:
    """A decoder with a memory of frames; one instance serves every session."""

    def __init__(
        self,
        decoder: Decoder | EngineDecoder,
        opening: Tensor,
        config: RekvConfig | None = None,
        *,
        policy: EvictionPolicy | None = None,
        positions: VideoPositions | None = None,
    ) -> None:
        """Use `decoder` after `opening`: the tokens, int64 (count,), before the video.

        `positions` are those of the video's tokens, by default linear.

        Raises:
            ValueError: these do not work together, see `models.memory.combinations`.
        """
        self.decoder = decoder
        self.config = config or RekvConfig()
        self.policy: EvictionPolicy = policy or KeepAll()
        self.positions: VideoPositions = positions or LinearPositions()
        self.opening = opening
        self.layout = BlockLayout(
            decoder=decoder.config,
            dtype=self.config.dtype or decoder.dtype,
            bits=self.config.bits,
            heads=self.config.heads,
            represented=self.config.internal,
        )
        heads, internal = self.config.heads, self.config.internal
        check_policy(self.policy, self.positions, heads, internal=internal)
        check_engine(decoder, self.policy, heads, internal=internal)
        check_opening(len(opening), self.config.window)

    @property
    def identity(self) -> dict[str, object]:
        """What blocks depend on: a store with another identity cannot be used."""
        return {
            **self.layout.identity,
            "weights": self.decoder.fingerprint,
            "opening": zlib.crc32(self.opening.cpu().numpy().tobytes()),
        }

    @torch.no_grad()
    def init_state(self, store: BlockStore | None = None) -> RekvState:
        """Return the memory before the first frame, or after the last block of `store`.

        A stream continues as if it had not been interrupted, if the blocks within the last window
        are undamaged.
        """
        window = self.config.window
        return prefill_opening(
            self.decoder,
            self.opening,
            store or BlockStore(),
            self.positions,
            window=window,
            heads=self.config.heads,
        )

    @torch.no_grad()
    def step(self, state: RekvState, frames: Sequence[Frame]) -> tuple[RekvState, tuple[()]]:
        """Store `frames`, in order of time; each becomes one block.

        After an error none of these frames is stored, and `state` is unchanged.

        Raises:
            ValueError: frames are not in order of time, or have no or misshapen tokens.
            StoreFullError, StoreError: there is no room for them.
        """
        if not frames:
            return state, ()
        config = self.decoder.config
        check_frames(state.store.table, frames, config.width)
        self.policy.tidy(state.store)
        lengths = [len(frame.tokens) for frame in frames]
        state.store.reserve(sum(map(self.layout.size, lengths)))
        memory, measured = prefill_frames(
            self.decoder,
            state,
            frames,
            self.positions,
            window=self.config.window,
            measure=self.policy.measure,
            heads=self.config.heads,
        )
        if state.last is not None and measured:
            state.last.salience = measured.pop(0)
        for index, part in enumerate(torch.split(memory, lengths, 3)):
            frame = frames[index]
            found = measured[index] if index < len(measured) else None
            state.last = self.layout.store(state, part, frame, found)
        return state, ()

    def flush(self, state: RekvState) -> tuple[()]:
        """Write what is only in RAM to the store's folder, if it has one.

        Raises:
            StoreFullError, StoreError: not all could be written; it is all still in RAM.
        """
        state.store.save()
        if self.config.heads is not None and state.store.folder is not None:
            save_recent(state.store.folder, state.recent)
        return ()

    @torch.no_grad()
    def retrieve(
        self,
        state: RekvState,
        question: Tensor,
        *,
        until: float | None = None,
        count: int | None = None,
        latest: int = 0,
    ) -> RetrievedContext:
        """Return `count` blocks for each layer: the `latest`, and those most similar to `question`.

        `question` are the tokens of the question alone, int64 (count,), or their embeddings.
        Blocks that end after `until`, in seconds, are not used.

        Raises:
            ValueError: the question has no tokens, or this memory is not `internal`.
            EmptyMemoryError: no block ends at or before `until`.

        Source: ReKV, Di et al. 2025, section 3.3 (internal retrieval).
        """
        if not len(question):
            raise ValueError("the question has no tokens; give at least one")
        if not self.config.internal:
            raise ValueError("this memory has no representatives; give the ids of blocks")
        table = state.store.table
        config = self.config

        most = max(count or config.blocks, latest)

        def select(layer: int, query: Tensor, allowed: BlockMask) -> NDArray[np.int64]:
            return best_rows(
                allowed,
                self.layout.representatives(table, layer),
                query,
                count=most,
                latest=latest,
                scoring=config.scoring,
                span=config.span,
            )

        x = self._embedded(question)
        seen = self._snapshot(state, table, until)
        allowed = visible_blocks(table, until)
        if isinstance(self.decoder, EngineDecoder):
            room = most_tokens(seen, min(most, int(allowed.sum())))
            return retrieve_in_engine(self.decoder, seen, allowed, x, select, room=room)
        return retrieve_context(self.decoder, seen, allowed, x, select)

    @torch.no_grad()
    def fetch(
        self, state: RekvState, ids: Collection[int], *, until: float | None = None
    ) -> RetrievedContext:
        """Return the blocks with `ids` for all layers, in order of time: without any, the opening.

        Damaged blocks are left out.

        Raises:
            ValueError: there is no such block that ends at or before `until`.
            EmptyMemoryError: no block at all does.

        Source: ReKV, Di et al. 2025, section 3.3 (external retrieval).
        """
        table = state.store.table
        seen = self._snapshot(state, table, until)
        if not ids:
            return load_context(self.decoder, seen, np.empty(0, dtype=np.int64))
        allowed = visible_blocks(table, until)
        ends = table.ends <= (np.inf if until is None else until)
        known = {block.id: row for row, block in enumerate(table.blocks) if ends[row]}
        unknown = sorted(set(ids) - known.keys())
        if unknown:
            raise ValueError(f"no blocks {unknown} end at or before {until} s")
        # A block may have been marked as lost since its id was selected.
        chosen = sorted(row for row in (known[ident] for ident in set(ids)) if allowed[row])
        return load_context(self.decoder, seen, np.array(chosen, dtype=np.int64))

    @torch.no_grad()
    def latest(
        self, state: RekvState, count: int, *, until: float | None = None
    ) -> RetrievedContext:
        """Return the newest `count` blocks as they were read; no question selects them.

        Raises:
            EmptyMemoryError: no block ends at or before `until`.
        """
        table = state.store.table
        rows = np.flatnonzero(visible_blocks(table, until))
        seen = self._snapshot(state, table, until)
        return load_context(self.decoder, seen, rows[max(0, len(rows) - count) :])

    def _snapshot(self, state: RekvState, table: BlockTable, until: float | None) -> StreamSnapshot:
        """Return what a question reads that was asked at `until`, in seconds."""
        heads = self.config.heads
        recent = () if heads is None else seen_recently(state.recent, until, heads.recent)
        return StreamSnapshot(
            sinks=state.sinks, table=table, positions=self.positions, heads=heads, recent=recent
        )

    def reply(
        self,
        retrieved: RetrievedContext,
        prompt: Tensor,
        *,
        max_tokens: int = 128,
        stop: Collection[int] = (),
        confidence: TokenConfidence | None = None,
    ) -> Iterator[int]:
        """Yield the tokens of the answer to `prompt`, which is everything after the video.

        `prompt` is int64 tokens (count,), or their embeddings. `retrieved` is in use until the
        iterator ends or is closed, and can be used again after that.
        """
        lengths = [cache.length for cache in retrieved.caches]
        with torch.no_grad():
            x = self._embedded(prompt)
        try:
            yield from generate(
                self.decoder,
                x,
                retrieved.caches,
                max_tokens=max_tokens,
                stop=stop,
                confidence=confidence,
            )
        finally:
            for cache, length in zip(retrieved.caches, lengths, strict=True):
                cache.drop_last(cache.length - length)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return tokens if tokens.is_floating_point() else self.decoder.embed(tokens)
