from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.generation.context import Context, Reach, append_chunk, copy_context, empty_context
from models.generation.dit import KeysValues
from tests.models.generation import plain, tiny

CONFIG = tiny.dit().config
TOKENS = 4  # of a latent of 4x4


def chunk(numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor, KeysValues]:
    """Return latents that hold their own numbers, and keys that do."""
    values = torch.tensor(numbers).float()
    shape = (CONFIG.layers, 1, CONFIG.heads, TOKENS * len(numbers), CONFIG.head_dim)
    keys = values.repeat_interleave(TOKENS)[:, None].expand(shape).clone()
    latents = values[:, None, None].expand(1, CONFIG.channels, len(numbers), 4, 4).clone()
    return latents, torch.zeros(1, CONFIG.condition, len(numbers), 4, 4), KeysValues(keys, -keys)


def held(context: Context, order: Sequence[int] | None = None) -> list[int]:
    """Return the numbers of what is in view, or in the slots of `order`, as the keys tell them."""
    slots = context.order if order is None else order
    seen = plain.in_view(context, slots)
    if seen is None:
        return []
    assert torch.equal(seen.values, -seen.keys)
    rows = seen.keys[0, 0, 0, ::TOKENS, 0]
    assert torch.equal(rows.repeat_interleave(TOKENS), seen.keys[-1, 0, -1, :, -1])
    assert rows.tolist() == context.latents[0, 0, list(slots), 0, 0].tolist()
    return [int(row) for row in rows]


@given(
    sink=st.integers(0, 3),
    window=st.integers(0, 3),
    sizes=st.lists(st.integers(1, 3), max_size=6),
)
def test_a_context_keeps_the_first_and_the_latest_latents(
    sink: int, window: int, sizes: list[int]
) -> None:
    context = empty_context(CONFIG, Reach(sink=sink, window=window), 4, 4, chunk=3)
    pointer = context.keys.data_ptr()
    count = 0
    for size in sizes:
        before, expected = context, held(context)
        context = append_chunk(context, *chunk(list(range(count, count + size))))
        count += size
        assert held(before) == expected  # if what follows fails, it can go on from here
    numbers = list(range(count))
    late = numbers[sink:]
    assert held(context) == numbers[:sink] + (late[-window:] if window else [])
    assert context.keys.data_ptr() == pointer


def test_a_copy_does_not_see_what_is_added_to_the_other() -> None:
    context = append_chunk(empty_context(CONFIG, Reach(sink=1, window=1), 4, 4), *chunk([0, 1]))
    other = copy_context(context)
    append_chunk(context, *chunk([2]))
    assert held(other) == [0, 1]


@given(past=st.integers(0, 12), making=st.integers(1, 6))
def test_with_a_span_what_makes_latents_sees_another_past_than_what_remembers_them(
    past: int, making: int
) -> None:
    context = empty_context(CONFIG, Reach(sink=2, window=6, span=8), 4, 4)
    for number in range(past):
        context = append_chunk(context, *chunk([number]))
    numbers = list(range(past))
    recent = 8 - 2 - making
    expected = numbers[:2] + (numbers[2:][-recent:] if recent else [])
    assert held(context, context.seen_by(making)) == expected
    assert held(context, context.seen()) == numbers[-6:]
    assert held(context) == numbers[:2] + numbers[2:][-6:]
