import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.errors import EmptyMemoryError, StoreError
from models.language.attention import causal_attention
from models.language.kv_cache import kv_bytes
from models.memory.kv_store.tiers import open_store
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from models.memory.retrieved_context import RetrievedContext
from models.rotary import apply_rotary
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
    kv_caches,
)


def assert_near(got: Tensor, expected: Tensor) -> None:
    """Compare with the float64 reference, as closely as the precision of `got` allows."""
    if got.dtype == torch.float64:
        torch.testing.assert_close(got, expected, atol=1e-12, rtol=1e-10)  # another order of sums
    else:
        torch.testing.assert_close(got.double(), expected.double(), atol=2e-5, rtol=1e-4)


def watched(rekv: Rekv, seen: list[Frame], *, each: int = 1) -> RekvState:
    state = rekv.init_state()
    for low in range(0, len(seen), each):
        state, _ = rekv.step(state, seen[low : low + each])
    return state


def stored(state: RekvState) -> Tensor:
    """All keys and values, (layers, 2, key heads, tokens, width)."""
    return torch.cat([block.all_layers() for block in state.store.table.blocks], 3)


def sequence(rekv: Rekv, seen: list[Frame]) -> Tensor:
    return torch.cat([dense(rekv).embed(OPENING), *(frame.tokens for frame in seen)])


def prompt_scores(rekv: Rekv, retrieved: RetrievedContext, prompt: Tensor) -> Tensor:
    return dense(rekv).scores(dense(rekv).read(dense(rekv).embed(prompt), kv_caches(retrieved)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stream_within_the_window_is_stored_as_dense_causal_reading_has_it(
    dtype: torch.dtype,
) -> None:
    rekv = Rekv(decoder(dtype=dtype), OPENING, RekvConfig(window=1000))
    seen = frames(5, dtype=dtype)
    kept = stored(watched(rekv, seen))
    _, keys, values = plain.read(dense(rekv), sequence(rekv, seen))
    past = len(OPENING)
    assert_near(kept[:, 0], torch.stack(keys)[:, :, past:])
    assert_near(kept[:, 1], torch.stack(values)[:, :, past:])


@pytest.mark.parametrize("window", [9, 13, 20])
def test_a_stream_over_several_windows_is_stored_as_the_written_out_mask_has_it(
    window: int,
) -> None:
    rekv = Rekv(decoder(dtype=torch.float64), OPENING, RekvConfig(window=window))
    seen = frames(11, dtype=torch.float64)  # 66 tokens: more than three windows
    kept = stored(watched(rekv, seen, each=3))
    _, keys, values = plain.read(
        dense(rekv), sequence(rekv, seen), window=window, sinks=len(OPENING)
    )
    past = len(OPENING)
    assert_near(kept[:, 0], torch.stack(keys)[:, :, past:])
    assert_near(kept[:, 1], torch.stack(values)[:, :, past:])


@pytest.mark.slow
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 12), max_size=5).map(sorted), window=st.integers(8, 60))
def test_any_chunking_of_frames_stores_the_same(cuts: list[int], window: int) -> None:
    rekv = Rekv(decoder(dtype=torch.float64), OPENING, RekvConfig(window=window))
    seen = frames(12, dtype=torch.float64)
    state = rekv.init_state()
    for low, high in zip([0, *cuts], [*cuts, 12], strict=True):
        state, _ = rekv.step(state, seen[low:high])
    assert_near(stored(state), stored(watched(rekv, seen, each=12)))


def test_retrieving_everything_answers_as_reading_the_whole_video_again() -> None:
    rekv = Rekv(decoder(dtype=torch.float64), OPENING, RekvConfig(window=1000, blocks=100))
    seen = frames(7, dtype=torch.float64)
    state = watched(rekv, seen)
    retrieved = rekv.retrieve(state, QUESTION)
    x = torch.cat([sequence(rekv, seen), dense(rekv).embed(QUESTION)])
    hidden, _, _ = plain.read(dense(rekv), x)
    expected = plain.scores(dense(rekv), hidden[-len(QUESTION) :])
    assert_near(prompt_scores(rekv, retrieved, QUESTION), expected)


@pytest.mark.slow
def test_an_answer_token_by_token_is_that_of_reading_all_again_each_time() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=1000, blocks=100))
    seen = frames(6)
    generated = list(rekv_answer(rekv, watched(rekv, seen), QUESTION, max_tokens=5))
    x = torch.cat([sequence(rekv, seen), dense(rekv).embed(QUESTION)])
    expected = []
    for _ in range(5):
        hidden, _, _ = plain.read(dense(rekv), x)
        expected.append(int(plain.scores(dense(rekv), hidden[-1:]).argmax()))
        x = torch.cat([x, dense(rekv).embed(torch.tensor(expected[-1:]))])
    assert generated == expected


def test_ids_from_outside_answer_as_a_memory_of_those_blocks_alone_exactly() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20))
    state = watched(rekv, frames(10))
    alone = rekv.init_state()
    for row in (2, 5, 8):
        block = state.store.table.blocks[row]
        alone.store.append(block.all_layers().clone(), start=block.start, end=block.end)
    some = rekv.fetch(state, [8, 2, 5])
    every = rekv.retrieve(alone, QUESTION, count=3)
    assert [b.start for b in some.blocks[0]] == [2.0, 5.0, 8.0]
    for one, other in zip(kv_caches(some), kv_caches(every), strict=True):
        assert torch.equal(one.keys, other.keys)
        assert torch.equal(one.values, other.values)
    assert list(rekv.reply(some, QUESTION, max_tokens=6)) == list(
        rekv.reply(every, QUESTION, max_tokens=6)
    )


def test_each_layer_selects_by_the_mean_question_query_before_rotation() -> None:
    """Against scores written out: expanded key heads, raw products, layer after layer."""
    count = 3
    rekv = Rekv(decoder(dtype=torch.float64), OPENING, RekvConfig(window=20, blocks=count))
    state = watched(rekv, frames(12, dtype=torch.float64))
    retrieved = rekv.retrieve(state, QUESTION)
    config = TINY
    group = config.heads // config.key_heads
    for index in range(config.layers):
        # The layers below decide what this layer's query is: read the question over their picks.
        query = _query_at(rekv, state, retrieved, index)
        expected = []
        for block in state.store.table.blocks:
            keys = block.all_layers()[index, 0]  # (key heads, tokens, width)
            expanded = torch.cat([keys[h // group] for h in range(config.heads)], -1)
            expected.append(float(expanded.mean(0) @ query))
        top = sorted(sorted(range(12), key=lambda b: -expected[b])[:count])
        assert [block.id for block in retrieved.blocks[index]] == top
    assert len(set(retrieved.blocks)) > 1, "the layers of this model choose differently"


def _query_at(rekv: Rekv, state: RekvState, picked: RetrievedContext, index: int) -> Tensor:
    """Return layer `index`'s mean query, heads after each other, over the picks below it."""
    x = dense(rekv).embed(QUESTION)
    rotary = dense(rekv).config.rotary
    for number, layer in enumerate(dense(rekv).layers):
        query, key, value = layer.project(x)
        if number == index:
            return query.mean(1).flatten()
        parts = [block.all_layers()[number] for block in picked.blocks[number]]
        keys = torch.cat([state.sinks[number][0], *(p[0] for p in parts), key], 1)
        values = torch.cat([state.sinks[number][1], *(p[1] for p in parts), value], 1)
        places = torch.arange(keys.shape[1])
        asked = apply_rotary(query, rotary.cos_sin(places[-len(x) :]))
        x = layer.finish(
            x, causal_attention(asked, apply_rotary(keys, rotary.cos_sin(places)), values)
        )
    raise AssertionError(index)


def test_asking_twice_says_the_same_and_changes_nothing() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))
    state = watched(rekv, frames(9))
    before = copy.deepcopy(state)
    first = list(rekv_answer(rekv, state, QUESTION, max_tokens=8))
    list(rekv_answer(rekv, state, torch.tensor([50]), max_tokens=3))
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=8)) == first
    assert torch.equal(stored(state), stored(before))
    more = frames(2, first=9)
    on, _ = rekv.step(state, more)
    off, _ = rekv.step(before, more)
    assert torch.equal(stored(on), stored(off))


def test_a_reply_can_be_left_early_and_given_again() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))
    retrieved = rekv.retrieve(watched(rekv, frames(9)), QUESTION)
    whole = list(rekv.reply(retrieved, QUESTION, max_tokens=6))
    pieces = rekv.reply(retrieved, QUESTION, max_tokens=6)
    assert next(pieces) == whole[0]
    pieces.close()  # type: ignore[attr-defined]
    assert list(rekv.reply(retrieved, QUESTION, max_tokens=6)) == whole


def test_a_reply_ends_before_a_stop_token() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))
    retrieved = rekv.retrieve(watched(rekv, frames(9)), QUESTION)
    whole = list(rekv.reply(retrieved, QUESTION, max_tokens=6))
    stop = whole[3]
    assert (
        list(rekv.reply(retrieved, QUESTION, max_tokens=6, stop={stop}))
        == whole[: whole.index(stop)]
    )


def test_an_answer_does_not_know_frames_after_its_question() -> None:
    for scoring in ("dot", "centered"):
        rekv = Rekv(
            decoder(),
            OPENING,
            RekvConfig(window=20, blocks=3, scoring=scoring, span=6),
        )
        short = watched(rekv, frames(6))
        long = watched(rekv, frames(14))
        then = rekv.retrieve(long, QUESTION, until=6.0)
        now = rekv.retrieve(short, QUESTION)
        assert [[b.id for b in layer] for layer in then.blocks] == [
            [b.id for b in layer] for layer in now.blocks
        ]
        assert list(rekv.reply(then, QUESTION, max_tokens=8)) == list(
            rekv.reply(now, QUESTION, max_tokens=8)
        )
        assert max(end for _, end, _ in then.evidence()) <= 6.0


def test_evidence_names_the_time_of_each_block_and_the_share_of_layers() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=2))
    retrieved = rekv.retrieve(watched(rekv, frames(9)), QUESTION)
    evidence = retrieved.evidence()
    assert sum(share for _, _, share in evidence) == pytest.approx(2.0)
    assert [share for *_, share in evidence] == sorted((s for *_, s in evidence), reverse=True)
    assert {start for start, _, _ in evidence} == {
        block.start for layer in retrieved.blocks for block in layer
    }


def test_bytes_of_a_frame_are_constant_and_equal_to_the_formula() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20))
    state = watched(rekv, frames(9))
    formula = kv_bytes(TINY.layers, TINY.key_heads, TINY.head_width, TOKENS, torch.float32)
    assert formula == 3 * 2 * 2 * 6 * 8 * 4
    assert {block.size for block in state.store.table.blocks} == {formula}
    assert {block.all_layers().nbytes for block in state.store.table.blocks} == {formula}
    assert state.store.sizes.ram == 9 * formula


def test_half_a_gigabyte_an_hour_of_llava_onevision_is_as_published() -> None:
    """0.5B: 12,288 bytes a token; 7B: 57,344; in float16."""
    assert kv_bytes(24, 2, 64, 1, torch.float16) == 12_288
    assert kv_bytes(28, 4, 128, 1, torch.float16) == 57_344


def test_blocks_of_different_lengths_live_in_one_stream() -> None:
    rekv = Rekv(decoder(dtype=torch.float64), OPENING, RekvConfig(window=15, blocks=100))
    seen = [
        Frame(frame.tokens[:length], frame.start, frame.end)
        for frame, length in zip(
            frames(9, dtype=torch.float64), [6, 1, 4, 6, 2, 5, 3, 6, 1], strict=True
        )
    ]
    kept = stored(watched(rekv, seen, each=2))
    _, keys, _ = plain.read(dense(rekv), sequence(rekv, seen), window=15, sinks=len(OPENING))
    assert_near(kept[:, 0], torch.stack(keys)[:, :, len(OPENING) :])


def test_asking_a_longer_stream_costs_no_more_but_for_the_scores() -> None:
    """Multiplications of matrices counted, not time; the table of representatives is not copied."""
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=4))
    state = rekv.init_state()
    counts = []
    for first in (0, 8):
        state, _ = rekv.step(state, frames(8 if first == 0 else 250, first=first))
        with FlopCounterMode(display=False) as counter:
            list(rekv_answer(rekv, state, QUESTION, max_tokens=3))
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0
    before = state.store.table.representatives
    state, _ = rekv.step(state, frames(100, first=258))
    assert state.store.table.representatives is before  # doubled at 256 and 512 only


def test_positions_in_the_millions_are_as_good_as_small_ones() -> None:
    """Six hours of a stream: only distances matter, and angles must still be exact."""
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20))
    near, far = watched(rekv, frames(6)), watched(rekv, frames(6))
    shift = 3_000_000
    for state, places in ((near, 1_000), (far, shift)):
        state.position += places
        for groups in state.windows:
            assert isinstance(groups, list)
            for group in groups:
                group.cache.restart(state.position)
        rekv.step(state, frames(6, first=6))
    assert_near(stored(far), stored(near))


def test_a_question_before_the_first_frame_is_an_error_that_says_so() -> None:
    rekv = Rekv(decoder(), OPENING)
    with pytest.raises(EmptyMemoryError, match="nothing has been seen yet"):
        rekv_answer(rekv, rekv.init_state(), QUESTION)
    state = watched(rekv, frames(3, first=10))
    with pytest.raises(EmptyMemoryError, match=r"at or before 10\.5 s"):
        rekv_answer(rekv, state, QUESTION, until=10.5)


def test_bad_frames_and_questions_are_refused_and_leave_the_memory_alone() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20))
    state = watched(rekv, frames(3))
    before = stored(state)
    good = frames(1, first=3)[0]
    for tokens, start, end in (
        (good.tokens[:, :5], 3.0, 4.0),
        (good.tokens[:0], 3.0, 4.0),
        (good.tokens, 2.0, 4.0),
        (good.tokens, 5.0, 4.0),
        (good.tokens, float("nan"), 4.0),
    ):
        with pytest.raises(ValueError, match=r"expected|order"):
            rekv.step(state, [Frame(tokens, start, end)])
    with pytest.raises(ValueError, match="no tokens"):
        rekv_answer(rekv, state, QUESTION[:0])
    with pytest.raises(ValueError, match=r"no blocks \[77\]"):
        rekv_answer(rekv, state, QUESTION, ids=[1, 77])
    with pytest.raises(ValueError, match=r"no blocks \[2\] end at or before 2"):
        rekv_answer(rekv, state, QUESTION, ids=[2], until=2.0)
    assert torch.equal(stored(state), before)
    for opening in (OPENING[:0], OPENING.repeat(10)):
        with pytest.raises(ValueError, match="opening"):
            Rekv(decoder(), opening, RekvConfig(window=20))


def test_a_state_copied_and_resumed_goes_on_the_same() -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=20))
    state = watched(rekv, frames(5))
    other = copy.deepcopy(state)
    for one in (state, other):
        rekv.step(one, frames(5, first=5))
    assert torch.equal(stored(state), stored(other))


def test_half_precision_encodes_and_answers() -> None:
    rekv = Rekv(decoder(dtype=torch.bfloat16), OPENING, RekvConfig(window=20, blocks=3))
    exact = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))
    rough = stored(watched(rekv, frames(8, dtype=torch.bfloat16)))
    assert rough.dtype == torch.bfloat16
    # 8 bits of mantissa through three layers: a hundredth of the values' spread.
    fine = stored(watched(exact, frames(8)))
    assert float((rough.float() - fine).abs().mean() / fine.abs().mean()) < 0.05
    state = watched(rekv, frames(8, dtype=torch.bfloat16))
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=4))


def test_blocks_stored_in_half_the_bits_take_half_the_room_and_find_the_same() -> None:
    whole = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))
    half = Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3, dtype=torch.bfloat16))
    assert half.identity != whole.identity
    one, other = watched(half, frames(9)), watched(whole, frames(9))
    assert one.store.sizes.ram * 2 == other.store.sizes.ram
    assert torch.equal(stored(one), stored(other).bfloat16())  # rounded, and nothing else
    found, expected = (
        prompt_scores(rekv, rekv.fetch(state, [1, 4, 6]), QUESTION)
        for rekv, state in ((half, one), (whole, other))
    )
    assert found.dtype == torch.float32
    # 8 bits of mantissa in what is looked at
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0.05)
    assert not torch.equal(found, expected)


def test_a_memory_asked_by_ids_alone_keeps_no_representatives_and_answers_the_same(
    tmp_path: Path,
) -> None:
    model = decoder()
    full = Rekv(model, OPENING, RekvConfig(window=30))
    bare = Rekv(model, OPENING, RekvConfig(window=30, internal=False))
    state = watched(full, frames(6))
    store = open_store(tmp_path, bare.identity)
    slim, _ = bare.step(bare.init_state(store), frames(6))
    ids = [1, 3, 4]
    expected = list(rekv_answer(full, state, QUESTION, ids=ids, max_tokens=6))
    assert list(rekv_answer(bare, slim, QUESTION, ids=ids, max_tokens=6)) == expected
    assert store.sizes.table == 0 < state.store.sizes.table
    bare.flush(slim)
    store.close()
    again = open_store(tmp_path, bare.identity)
    resumed, _ = bare.step(bare.init_state(again), frames(2, first=6))
    assert list(rekv_answer(bare, resumed, QUESTION, ids=ids, max_tokens=6)) == expected
    assert again.lost == ()
    with pytest.raises(ValueError, match="give the ids of blocks"):
        bare.retrieve(resumed, QUESTION)
    again.close()
    with pytest.raises(StoreError, match="another model"):
        open_store(tmp_path, full.identity)


def test_a_policy_that_merges_needs_representatives() -> None:
    with pytest.raises(ValueError, match="internal=True"):
        Rekv(decoder(), OPENING, RekvConfig(internal=False), policy=KMeans())
