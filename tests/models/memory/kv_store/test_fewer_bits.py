"""Blocks in 8 and 4 bits: how far they are off, in RAM and from the disk."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.memory.kv_store.fewer_bits import Bits, dequantize, quantize, quantized_bytes
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.memory.rekv import Rekv, RekvConfig
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import OPENING, QUESTION, decoder, frames

LAYERS, HEADS, WIDTH = 3, 2, 8


def drawn(tokens: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    """Return keys and values; a channel of the keys is far from the others, as in real ones."""
    rng = torch.Generator().manual_seed(seed)
    memory = torch.randn(LAYERS, 2, HEADS, tokens, WIDTH, generator=rng) * scale
    memory[:, 0, :, :, 3] += 40 * scale
    return memory


@settings(max_examples=30)
@given(
    tokens=st.integers(1, 40),
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-2, 1.0, 300.0]),
    bits=st.sampled_from([4, 8]),
)
def test_numbers_are_off_by_half_a_step_at_most(
    tokens: int, seed: int, scale: float, bits: Bits
) -> None:
    memory = drawn(tokens, seed, scale)
    data = quantize(memory, bits)
    assert data.shape == (LAYERS, quantized_bytes(memory.shape[1:], bits))
    back = dequantize(data, memory.shape[1:], bits, torch.float32)
    for part, axis in ((0, -2), (1, -1)):
        exact = memory[:, part]
        spread = exact.amax(axis, keepdim=True) - exact.amin(axis, keepdim=True)
        # Ranges are in float16: the lowest number is off by 2**-11 of itself, the step as much.
        allowed = spread / (2**bits - 1) * 0.51 + (spread + exact.abs().amax()) * 2**-10
        assert ((back[:, part] - exact).abs() <= allowed).all()
    one = dequantize(data[1], memory.shape[1:], bits, torch.float32)
    assert torch.equal(one, back[1])


@pytest.mark.parametrize("value", [0.0, -3.5, 1e9])
def test_numbers_that_are_all_the_same_stay_so(value: float) -> None:
    memory = torch.full((1, 2, 1, 5, 4), value)
    back = dequantize(quantize(memory, 4), (2, 1, 5, 4), 4, torch.float32)
    assert torch.equal(back, memory[0].clamp(max=65_504.0)[None])


def test_bytes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 132 bytes, got 123"):
        dequantize(torch.zeros(123, dtype=torch.uint8), (2, 1, 5, 8), 8, torch.float32)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_store_keeps_them_in_fewer_bytes_and_through_a_restart(
    tmp_path: Path, bits: Bits
) -> None:
    budget = StoreBudget(ram=8192)  # some are only on the disk
    store = open_store(tmp_path, {}, budget)
    made = [drawn(20, number) for number in range(8)]
    for number, memory in enumerate(made):
        store.append(memory, start=number, end=number, bits=bits if number != 5 else None)
    assert store.sizes.ram <= budget.ram
    first = [block.all_layers() for block in store.table.blocks]
    store.save()
    store.close()
    again = open_store(tmp_path, {}, budget)
    for block, before, memory in zip(again.table.blocks, first, made, strict=True):
        assert torch.equal(block.all_layers(), before)
        assert torch.equal(block.layer(2), before[2])
        assert block.bits == (None if block.start == 5 else bits)
        assert torch.equal(before, memory) == (block.start == 5)
    again.close()


def test_eight_bits_give_the_same_answers_and_blocks() -> None:
    seen = frames(24)
    answers = {}
    for bits in (None, 8):
        rekv = Rekv(decoder(), OPENING, RekvConfig(window=40, blocks=5, bits=bits))
        state, _ = rekv.step(rekv.init_state(BlockStore()), seen)
        found = rekv.retrieve(state, QUESTION)
        chosen = [[block.id for block in layer] for layer in found.blocks]
        answers[bits] = chosen, list(rekv_answer(rekv, state, QUESTION, max_tokens=12))
        assert len(set(answers[bits][1])) > 1
    assert answers[None] == answers[8]
