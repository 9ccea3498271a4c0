from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.language.attention import attend
from models.memory.eviction import EvictionPolicy, KeepAll
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from tests.bench.research.eviction import KMeans, Salient, k_means
from tests.bench.research.salience import salience
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import OPENING, QUESTION, TOKENS, decoder, frames


def model_with(policy: EvictionPolicy, *, window: int = 30) -> Rekv:
    return Rekv(decoder(), OPENING, RekvConfig(window=window, blocks=3), policy=policy)


def watched(
    rekv: Rekv, seen: list[Frame], *, each: int = 1, store: BlockStore | None = None
) -> RekvState:
    state = rekv.init_state(store)
    for low in range(0, len(seen), each):
        state, _ = rekv.step(state, seen[low : low + each])
    return state


@pytest.mark.slow
@pytest.mark.parametrize("window", [100, 5])
def test_salience_is_the_attention_that_the_next_block_pays(window: int) -> None:
    lengths, before = [3, 4, 2], 6  # the first block came before these queries
    total = before + sum(lengths)
    rng = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(h, total, 8, generator=rng) for h in (4, 2, 2))
    place = torch.arange(total)
    visible = (place <= place[:, None]) & (place > place[:, None] - window)
    _, log = attend(query, key, value, visible)
    asking = slice(before + 3, total)
    found = salience(query[:, asking], log[:, asking], key, lengths, window=window)
    weights = torch.zeros(4, total, total)
    for head in range(4):
        scores = query[head] @ key[head // 2].T / 8**0.5
        weights[head] = scores.masked_fill(~visible, -torch.inf).softmax(-1)
    for part, (low, middle, high) in zip(found, [(6, 9, 13), (9, 13, 15)], strict=True):
        share = weights[:, middle:high, low:middle].mean(1).view(2, 2, -1).mean(1)
        torch.testing.assert_close(part, share, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("each", [1, 4])
def test_salience_does_not_depend_on_how_frames_are_grouped(each: int) -> None:
    rekv = model_with(Salient(recent=100))
    state = watched(rekv, frames(9), each=each)
    single = watched(rekv, frames(9))
    for one, other in zip(state.store.table.blocks[:-1], single.store.table.blocks, strict=False):
        assert one.salience is not None
        assert other.salience is not None
        torch.testing.assert_close(one.salience, other.salience, atol=1e-6, rtol=1e-4)
    assert state.store.table.blocks[-1].salience is None  # nothing has looked at it yet


def test_old_blocks_keep_the_tokens_with_the_most_attention_and_recent_ones_everything() -> None:
    seen = frames(20)
    whole = watched(model_with(Salient(recent=100)), seen)
    thin = watched(model_with(Salient(recent=5, share=0.5, batch=4)), seen)
    lengths = [block.tokens for block in thin.store.table.blocks]
    assert lengths == [3] * 12 + [6] * 8  # tidied in fours, before a step
    for old, new in zip(whole.store.table.blocks, thin.store.table.blocks, strict=True):
        assert (old.start, old.end) == (new.start, new.end)
        if new.tokens == TOKENS:
            assert torch.equal(old.all_layers(), new.all_layers())
            continue
        assert old.salience is not None
        for layer in range(3):
            for head in range(2):
                order = sorted(range(6), key=lambda t: -float(old.salience[layer, head, t]))  # type: ignore[index]  # asserted above
                kept = sorted(order[:3])
                assert torch.equal(
                    new.all_layers()[layer, :, head], old.all_layers()[layer, :, head, kept]
                )
    assert torch.equal(
        thin.store.table.representatives[:, :20], whole.store.table.representatives[:, :20]
    )
    assert thin.store.sizes.ram == whole.store.sizes.ram * (12 * 3 + 8 * 6) / (20 * 6)


def test_a_thinned_memory_is_asked_restarted_and_goes_on(tmp_path: Path) -> None:
    rekv = model_with(Salient(recent=6, share=0.5, batch=2))
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=12_000))
    state = watched(rekv, frames(16), store=store)
    generated = list(rekv_answer(rekv, state, QUESTION, max_tokens=5))
    assert generated == list(rekv_answer(rekv, watched(rekv, frames(16)), QUESTION, max_tokens=5))
    rekv.flush(state)
    store.close()
    again = open_store(tmp_path, rekv.identity, StoreBudget(ram=12_000))
    resumed = rekv.init_state(again)
    assert [b.tokens for b in again.table.blocks] == [3] * 8 + [6] * 8
    assert list(rekv_answer(rekv, resumed, QUESTION, max_tokens=5)) == generated
    for frame in frames(6, first=16):
        resumed, _ = rekv.step(resumed, [frame])
    # What was spilled before the restart is thinned after it: its salience was spilled too.
    assert [b.tokens for b in again.table.blocks][:13] == [3] * 13
    again.close()


def test_thinned_blocks_leave_the_device_and_are_spilled_before_newer_ones(
    tmp_path: Path,
) -> None:
    rekv = model_with(Salient(recent=3, share=0.5, batch=2))
    size = 3 * 2 * 2 * TOKENS * 8 * 4
    budget = StoreBudget(device=4 * size, ram=3 * size)
    store = open_store(tmp_path, rekv.identity, budget)
    state = watched(rekv, frames(14), store=store)
    blocks = state.store.table.blocks
    assert store.sizes.device <= 4 * size
    assert store.sizes.ram <= 3 * size
    spilled = [block.memory is None for block in blocks]
    assert spilled == sorted(spilled, reverse=True)
    assert any(spilled)
    whole = watched(rekv, frames(14))
    for one, other in zip(blocks, whole.store.table.blocks, strict=True):
        assert torch.equal(one.all_layers(), other.all_layers())
    store.close()


def test_nothing_is_thinned_or_merged_by_keeping_all() -> None:
    state = watched(model_with(KeepAll()), frames(9))
    assert [block.tokens for block in state.store.table.blocks] == [TOKENS] * 9
    assert state.store.table.blocks[0].salience is None


def plain_k_means(vectors: Tensor, weights: Tensor, count: int, rounds: int) -> list[int]:
    middles = [vectors[round(i * (len(vectors) - 1) / (count - 1))] for i in range(count)]
    nearest: list[int] = []
    for _ in range(rounds + 1):
        nearest = [
            min(range(count), key=lambda c: float((v - middles[c]).square().sum())) for v in vectors
        ]
        for c in range(count):
            own = [i for i, chosen in enumerate(nearest) if chosen == c]
            if own:
                total = sum(weights[i] for i in own)
                middles[c] = sum((weights[i] / total * vectors[i] for i in own), torch.zeros(5))
    return nearest


@settings(max_examples=20)
@given(seed=st.integers(0, 999), count=st.integers(2, 6), rounds=st.integers(0, 6))
def test_k_means_is_lloyds_with_weights(seed: int, count: int, rounds: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    vectors = torch.randn(20, 5, generator=rng)
    weights = torch.randint(1, 5, (20,), generator=rng).float()
    clusters, _ = k_means(vectors, weights, count, rounds=rounds)
    assert clusters.tolist() == plain_k_means(vectors, weights, count, rounds)


def test_a_k_means_memory_is_bounded_and_keeps_the_weight_of_every_frame() -> None:
    policy = KMeans(recent=4, capacity=6, key_frames=2, batch=3)
    rekv = model_with(policy)
    state = rekv.init_state()
    for count, frame in enumerate(frames(60), 1):
        state, _ = rekv.step(state, [frame])
        table = state.store.table
        assert table.count <= 4 + 6 + 3 + 1
        assert sum(block.weight for block in table.blocks) == count
        assert list(table.ends[: table.count]) == sorted(table.ends[: table.count])
        assert all(block.tokens == TOKENS for block in table.blocks)
    newest = state.store.table.blocks[-4:]
    whole = watched(model_with(KeepAll()), frames(60)).store.table.blocks[-4:]
    for one, other in zip(newest, whole, strict=True):
        assert torch.equal(one.all_layers(), other.all_layers())
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=3))


def test_a_merged_block_is_the_weighted_mean_of_its_frames() -> None:
    rekv = model_with(KMeans(recent=2, capacity=3, key_frames=0, batch=2))
    whole = watched(model_with(KeepAll()), frames(8))
    state = watched(rekv, frames(8))
    merged = [block for block in state.store.table.blocks if block.weight > 1]
    assert merged
    for block in merged:
        own = [whole.store.table.blocks[old] for old in block.replaces]
        mean = torch.stack([part.all_layers() for part in own]).mean(0)
        torch.testing.assert_close(block.all_layers(), mean, atol=1e-6, rtol=1e-5)
        assert block.weight == len(own)
        assert (block.start, block.end) == (own[0].start, own[-1].end)
        row = state.store.table.blocks.index(block)
        found = state.store.table.representatives[:, row]
        torch.testing.assert_close(found, mean[:, 0].mean(2).flatten(1), atol=1e-6, rtol=1e-5)


def test_a_merged_memory_survives_a_restart_with_its_weights(tmp_path: Path) -> None:
    rekv = model_with(KMeans(recent=4, capacity=6, key_frames=2, batch=3))
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=8_000))
    state = watched(rekv, frames(40), store=store)
    generated = list(rekv_answer(rekv, state, QUESTION, max_tokens=5))
    before = [(b.id, b.start, b.end, b.weight) for b in store.table.blocks]
    rekv.flush(state)
    store.close()
    store.close()  # once more does no harm
    again = open_store(tmp_path, rekv.identity, StoreBudget(ram=8_000))
    assert [(b.id, b.start, b.end, b.weight) for b in again.table.blocks] == before
    assert again.lost == ()
    assert list(rekv_answer(rekv, rekv.init_state(again), QUESTION, max_tokens=5)) == generated
    again.close()


def test_a_merged_block_is_ignored_before_its_last_frame() -> None:
    rekv = model_with(KMeans(recent=2, capacity=3, key_frames=0, batch=2))
    state = watched(rekv, frames(12))
    for until in (3.0, 6.0, 9.0, 12.0):
        seen = state.store.table.visible(until)
        for block, visible in zip(state.store.table.blocks, seen, strict=True):
            assert visible == (block.end <= until)
            assert not visible or block.end <= until


def test_the_frames_nearest_to_the_heaviest_centers_are_kept_whole() -> None:
    """Two things that hardly move: what is kept of each is a real frame."""
    scenes = [frame.tokens for frame in frames(2, seed=9)]
    noise = frames(20, seed=3)
    seen = [
        Frame(scenes[i % 2] + 0.05 * frame.tokens, frame.start, frame.end)
        for i, frame in enumerate(noise)
    ]
    rekv = model_with(KMeans(recent=2, capacity=4, key_frames=2, batch=12), window=8)
    state = watched(rekv, seen)
    whole = watched(model_with(KeepAll(), window=8), seen)
    single = [block for block in state.store.table.blocks[:-4] if block.weight == 1]
    assert {int(block.start) % 2 for block in single} == {0, 1}
    for block in single:
        assert torch.equal(
            block.all_layers(), whole.store.table.blocks[int(block.start)].all_layers()
        )


def test_policies_refuse_sizes_that_make_no_sense() -> None:
    for make in (
        lambda: Salient(recent=0),
        lambda: Salient(share=0.0),
        lambda: KMeans(recent=0),
        lambda: KMeans(capacity=4, key_frames=4),
    ):
        with pytest.raises(ValueError, match="keep at least one recent"):
            make()
