"""A memory whose layers run in an engine, against the same memory in PyTorch."""

from pathlib import Path

import pytest
import torch

from models.engine import load_in_torch
from models.errors import EngineError
from models.language.decoder_networks import CacheSizes
from models.language.engine_decoder import EngineDecoder, layered_decoder
from models.language.head_set import HeadSet
from models.memory.kv_store.tiers import BlockStore, open_store
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from tests.models.memory.answering import rekv_answer
from tests.models.memory.test_head_set import MIXED
from tests.models.memory.tiny_memory import OPENING, QUESTION, TINY, TOKENS, decoder, frames

F32 = 1e-4  # float32 over three layers, in another order of sums


def in_engine(heads: HeadSet | None, *, slots: int | None = None) -> EngineDecoder:
    sizes = CacheSizes(len(OPENING), slots)
    return layered_decoder(decoder(), load_in_torch, sizes, name="layer", heads=heads)


def both(heads: HeadSet | None, *, slots: int | None = None, **more: int) -> list[Rekv]:
    """Return the memory in PyTorch, and in an engine."""
    config = RekvConfig(**{"window": 20, "blocks": 3, **more}, heads=heads)  # type: ignore[arg-type]  # of numbers alone
    return [Rekv(each, OPENING, config) for each in (decoder(), in_engine(heads, slots=slots))]


def watched(rekv: Rekv, seen: list[Frame], store: BlockStore | None = None) -> RekvState:
    state = rekv.init_state(store)
    for low in range(0, len(seen), 2):
        state, _ = rekv.step(state, seen[low : low + 2])
    return state


def lengths(count: int) -> list[Frame]:
    """Return frames of different lengths."""
    return [
        Frame(frame.tokens[: 1 + (5 * row) % TOKENS], frame.start, frame.end)
        for row, frame in enumerate(frames(count))
    ]


@pytest.mark.parametrize("heads", [None, MIXED], ids=["all", "retrieval"])
@pytest.mark.parametrize("slots", [None, 560], ids=["grown", "fixed"])
def test_it_stores_selects_and_answers_the_same(heads: HeadSet | None, slots: int | None) -> None:
    """The cache of the window wraps."""
    found = []
    for rekv in both(heads, slots=slots):
        state = watched(rekv, frames(95))
        kept = torch.stack([block.all_layers() for block in state.store.table.blocks])
        retrieved = rekv.retrieve(state, QUESTION, until=70.0)
        chosen = [[block.id for block in layer] for layer in retrieved.blocks]
        answer = list(rekv.reply(retrieved, QUESTION, max_tokens=9))
        assert list(rekv.reply(retrieved, QUESTION, max_tokens=9)) == answer
        found.append((kept, chosen, answer, list(rekv_answer(rekv, state, QUESTION, ids=[2, 90]))))
    torch.testing.assert_close(found[0][0], found[1][0], atol=F32, rtol=F32)
    assert found[0][1:] == found[1][1:]
    assert len(set(found[0][2])) > 1


@pytest.mark.parametrize("heads", [None, MIXED], ids=["all", "retrieval"])
def test_layers_may_read_different_numbers_of_tokens(heads: HeadSet | None) -> None:
    found = []
    for rekv in both(heads, blocks=4):
        retrieved = rekv.retrieve(watched(rekv, lengths(12)), QUESTION)
        read = [sum(block.tokens for block in layer) for layer in retrieved.blocks]
        found.append((read, list(rekv.reply(retrieved, QUESTION, max_tokens=9))))
    assert found[0] == found[1]
    assert len(set(found[0][0])) > 1


@pytest.mark.parametrize("heads", [None, MIXED], ids=["all", "retrieval"])
def test_it_goes_on_in_a_folder_as_in_pytorch(tmp_path: Path, heads: HeadSet | None) -> None:
    found = []
    for rekv in both(heads):
        folder = tmp_path / type(rekv.decoder).__name__
        store = open_store(folder, rekv.identity)
        rekv.flush(watched(rekv, frames(9), store))
        store.close()
        again = open_store(folder, rekv.identity)
        state, _ = rekv.step(rekv.init_state(again), frames(3, first=9))
        found.append(torch.stack([block.all_layers() for block in again.table.blocks]))
        if heads is not None:
            (folder / "recent").unlink()
            again.save()
            again.close()
            again = open_store(folder, rekv.identity)
            state, _ = rekv.step(rekv.init_state(again), frames(5, first=12))
            found[-1] = torch.stack([block.all_layers() for block in again.table.blocks])
        assert state.store.table.count == (12 if heads is None else 17)
        again.close()
    torch.testing.assert_close(found[0], found[1], atol=F32, rtol=F32)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="another set of heads"):
        Rekv(in_engine(None), OPENING, RekvConfig(window=20, heads=MIXED))
    with pytest.raises(EngineError, match="a window of 50 tokens needs"):
        Rekv(in_engine(None, slots=560), OPENING, RekvConfig(window=50)).init_state()
    rekv = both(None, slots=560, blocks=95)[1]
    state = watched(rekv, frames(95))
    with pytest.raises(EngineError, match="560 slots are too few"):
        rekv.retrieve(state, QUESTION)


def test_weights_on_another_device_than_the_engine_are_refused() -> None:
    layered = in_engine(None).layered
    assert layered is not None
    layered.check_device(torch.device("cpu"))
    with pytest.raises(EngineError, match="runs on the cuda in torch, and its weights are on the"):
        layered.check_device(torch.device("cuda"))


def test_half_precision_is_that_of_the_weights() -> None:
    model = decoder(TINY, dtype=torch.bfloat16)
    sizes = CacheSizes(len(OPENING))
    rekv = Rekv(
        layered_decoder(model, load_in_torch, sizes, name="layer"),
        OPENING,
        RekvConfig(window=20, blocks=3),
    )
    state = watched(rekv, frames(9, dtype=torch.bfloat16))
    (kind,) = {block.dtype for block in state.store.table.blocks}
    assert kind == torch.bfloat16
    exact = both(None)[0]
    wanted = torch.stack([b.all_layers() for b in watched(exact, frames(9)).store.table.blocks])
    kept = torch.stack([block.all_layers().float() for block in state.store.table.blocks])
    # 8 bits of mantissa through three layers: a hundredth of the values' spread
    assert float((kept - wanted).abs().mean() / wanted.abs().mean()) < 0.05
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=4))
