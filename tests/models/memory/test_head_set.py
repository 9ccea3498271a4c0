"""Memories of retrieval heads, against masks over a full cache."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.errors import StoreError, WeightsError
from models.language.head_set import FILE, HeadSet, choose_heads, read_head_set, write_head_set
from models.language.kv_cache import kv_bytes
from models.memory.kv_store.fewer_bits import Bits
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.memory.prefill import RekvState
from models.memory.recent_blocks import FILE as RECENT
from models.memory.rekv import Rekv, RekvConfig
from tests.bench.research.eviction import KMeans
from tests.models.language import plain
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import (
    OPENING,
    QUESTION,
    TINY,
    TOKENS,
    decoder,
    dense,
    frames,
)

MIXED = HeadSet(retrieving=((True, False), (False, False), (True, True)), recent=2 * TOKENS)
EVERY = HeadSet(retrieving=((True, True),) * 3, recent=2 * TOKENS)


def memory(
    heads: HeadSet | None, *, window: int = 1000, blocks: int = 100, bits: Bits | None = None
) -> Rekv:
    config = RekvConfig(window=window, blocks=blocks, heads=heads, bits=bits)
    return Rekv(decoder(dtype=torch.float64), OPENING, config)


def watched(rekv: Rekv, count: int, state: RekvState | None = None, first: int = 0) -> RekvState:
    state = state or rekv.init_state()
    for frame in frames(count, first=first, dtype=torch.float64):
        state, _ = rekv.step(state, [frame])
    return state


def by_layer(state: RekvState, heads: HeadSet, layer: int) -> Tensor:
    """Keys and values of a layer's retrieval heads, (2, heads, tokens, width)."""
    return torch.cat([heads.stored(block, layer) for block in state.store.table.blocks], 2)


def embedded(rekv: Rekv, count: int) -> Tensor:
    seen = frames(count, dtype=torch.float64)
    return torch.cat([dense(rekv).embed(OPENING), *(frame.tokens for frame in seen)])


def full_cache(rekv: Rekv, count: int, window: int) -> tuple[plain.Rows, plain.Rows]:
    """Keys and values of all heads, read under the masks of both kinds of heads."""
    spans = [
        [window if retrieving else MIXED.recent for retrieving in layer]
        for layer in MIXED.retrieving
    ]
    x = embedded(rekv, count)
    _, keys, values = plain.read(dense(rekv), x, sinks=len(OPENING), spans=spans)
    return keys, values


@pytest.mark.parametrize("window", [20, 1000])
def test_what_is_stored_is_that_of_masks_over_a_full_cache(window: int) -> None:
    rekv = memory(MIXED, window=window)
    state = watched(rekv, 7)
    full = full_cache(rekv, 7, window)
    for layer, kinds in enumerate(MIXED.retrieving):
        kept = by_layer(state, MIXED, layer)
        for part, expected in zip(kept, full, strict=True):
            wanted = expected[layer][torch.tensor(kinds), len(OPENING) :]
            torch.testing.assert_close(part, wanted, atol=1e-12, rtol=1e-10)
        for each, at in zip(state.recent, range(3, 7), strict=True):
            rows = MIXED.streamed(each.rows, layer)
            low = len(OPENING) + at * TOKENS
            wanted = full[0][layer][~torch.tensor(kinds), low : low + TOKENS]
            torch.testing.assert_close(rows[0], wanted, atol=1e-12, rtol=1e-10)


def test_an_answer_is_that_of_masks_over_a_full_cache() -> None:
    rekv = memory(MIXED)
    retrieved = rekv.retrieve(watched(rekv, 6), QUESTION)
    past = len(OPENING) + 6 * TOKENS

    def place(layer: int, head: int, key: int) -> int | None:
        """Streaming heads read the opening right before what is recent."""
        if MIXED.retrieving[layer][head] or key >= past - MIXED.recent:
            return key
        return key + past - MIXED.recent - len(OPENING) if key < len(OPENING) else None

    hidden = plain.read_after(
        dense(rekv), dense(rekv).embed(QUESTION), full_cache(rekv, 6, 1000), place
    )
    expected = plain.scores(dense(rekv), hidden[-1:])[0]
    x = dense(rekv).embed(QUESTION)
    found = dense(rekv).next_scores(x, retrieved.caches)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)
    everything = memory(None)
    other = everything.retrieve(watched(everything, 6), QUESTION)
    assert (dense(rekv).next_scores(x, other.caches) - expected).abs().max() > 0.01
    assert retrieved.evidence()[0][2] == 1.0, "of the layers that retrieve"
    assert retrieved.blocks[1] == ()


def test_heads_that_all_retrieve_are_the_memory_without_a_set() -> None:
    found = []
    for heads in (EVERY, None):
        rekv = memory(heads, window=20, blocks=3)
        state = watched(rekv, 9)
        retrieved = rekv.retrieve(state, QUESTION)
        chosen = [[block.id for block in layer] for layer in retrieved.blocks]
        found.append((chosen, list(rekv.reply(retrieved, QUESTION, max_tokens=6))))
    assert found[0] == found[1]


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_stored_bytes_shrink_by_the_share_of_streaming_heads(bits: Bits | None) -> None:
    sizes = []
    for heads in (MIXED, None):
        rekv = memory(heads, window=20, bits=bits)
        state = watched(rekv, 8)
        (size,) = {block.size for block in state.store.table.blocks}
        assert size == rekv.layout.size(TOKENS)
        assert state.store.sizes.ram == 8 * size
        sizes.append(size)
    assert sizes[0] == (1 - MIXED.streaming_share) * sizes[1]
    if bits is None:
        assert sizes[1] == kv_bytes(3, 2, 8, TOKENS, torch.float64)


def test_streaming_heads_keep_no_more_the_longer_the_stream_is() -> None:
    rekv = memory(MIXED, window=20)
    state = rekv.init_state()
    for first in range(0, 30, 10):
        state = watched(rekv, 10, state, first)
        assert [each.block.start for each in state.recent] == [first + 6.0 + i for i in range(4)]


def test_a_question_that_is_late_reads_what_it_would_have_read_in_time() -> None:
    rekv = memory(MIXED, window=20, blocks=3)
    state = watched(rekv, 7)
    in_time = list(rekv_answer(rekv, state, QUESTION, until=7.0, max_tokens=8))
    state = watched(rekv, 2, state, first=7)
    assert list(rekv_answer(rekv, state, QUESTION, until=7.0, max_tokens=8)) == in_time
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=8)) != in_time


def test_ids_from_outside_read_the_same_blocks_in_all_layers() -> None:
    rekv = memory(MIXED, window=20, blocks=3)
    state = watched(rekv, 9)
    some = rekv.fetch(state, [1, 4])
    assert [[block.id for block in layer] for layer in some.blocks] == [[1, 4]] * 3
    first = list(rekv.reply(some, QUESTION, max_tokens=6))
    assert list(rekv.reply(some, QUESTION, max_tokens=6)) == first


@pytest.mark.parametrize("bits", [None, 8])
def test_a_memory_goes_on_in_its_folder(tmp_path: Path, bits: Bits | None) -> None:
    rekv = memory(MIXED, window=20, blocks=3, bits=bits)
    budget = StoreBudget(ram=2 * rekv.layout.size(TOKENS))
    store = open_store(tmp_path, rekv.identity, budget)
    state = watched(rekv, 8, rekv.init_state(store))
    before = list(rekv_answer(rekv, state, QUESTION, max_tokens=6))
    rekv.flush(state)
    store.close()
    again = open_store(tmp_path, rekv.identity, budget)
    resumed = rekv.init_state(again)
    assert list(rekv_answer(rekv, resumed, QUESTION, max_tokens=6)) == before
    on, off = watched(rekv, 2, resumed, first=8), watched(rekv, 2, state, first=8)
    if bits is None:
        newest = [each.store.table.blocks[-1].all_layers() for each in (on, off)]
        torch.testing.assert_close(*newest, atol=1e-12, rtol=1e-10)
    again.close()
    with pytest.raises(StoreError, match="another model"):
        open_store(tmp_path, memory(None).identity)


@pytest.mark.parametrize("damage", ["cut", "flipped", "older", "missing"])
def test_without_what_was_recent_streaming_heads_begin_again(tmp_path: Path, damage: str) -> None:
    rekv = memory(MIXED, window=20, blocks=3)
    store = open_store(tmp_path, rekv.identity)
    state = watched(rekv, 5, rekv.init_state(store))
    rekv.flush(state)
    file = tmp_path / RECENT
    content = file.read_bytes()
    if damage == "older":
        state = watched(rekv, 2, state, first=5)
        store.save()
    elif damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content[:-9] if damage == "cut" else content[:-1] + b"?")
    store.close()
    again = open_store(tmp_path, rekv.identity)
    resumed = rekv.init_state(again)
    assert resumed.recent == ()
    count = resumed.store.table.count
    resumed = watched(rekv, 6, resumed, first=count)
    assert list(rekv_answer(rekv, resumed, QUESTION, max_tokens=3))
    assert len(resumed.recent) == 4
    again.close()


def test_the_lowest_gates_stream() -> None:
    heads = choose_heads([[0.9, 0.1], [0.2, 0.3]], 0.5, recent=9)
    assert heads.retrieving == ((True, False), (False, True))
    assert heads.streaming_share == 0.5
    assert choose_heads([[0.5, 0.5]], 0.0, recent=1).streaming_share == 0.0
    for gates, share in (([[0.5]], 1.0), ([], 0.5), ([[0.5]], -0.1)):
        with pytest.raises(ValueError, match="expected"):
            choose_heads(gates, share, recent=9)
    with pytest.raises(ValueError, match="one of which retrieves"):
        HeadSet(retrieving=((False, False),), recent=9)
    with pytest.raises(ValueError, match="a token or more"):
        HeadSet(retrieving=((True, False),), recent=0)


def test_a_set_is_read_from_the_file_beside_the_weights(tmp_path: Path) -> None:
    assert read_head_set(tmp_path, TINY) is None
    gates = [[0.9, 0.1], [0.2, 0.1], [0.8, 1.0]]
    write_head_set(tmp_path / FILE, gates, 0.5, recent=12)
    assert read_head_set(tmp_path, TINY) == MIXED
    write_head_set(tmp_path / FILE, gates[:2], 0.5, recent=12)
    with pytest.raises(WeightsError, match=r"gates for \(2, 2\) layers .* model has \(3, 2\)"):
        read_head_set(tmp_path, TINY)
    for content in ("{", "[]", '{"gates": [[1]], "streaming": 1, "recent": 3}', '{"gates": 3}'):
        (tmp_path / FILE).write_text(content)
        with pytest.raises(WeightsError, match="delete it, or make it again"):
            read_head_set(tmp_path, TINY)


def test_policies_that_thin_out_blocks_need_all_heads() -> None:
    with pytest.raises(ValueError, match="leave out the set"):
        Rekv(decoder(), OPENING, RekvConfig(heads=MIXED), policy=KMeans())
    assert BlockStore().folder is None
