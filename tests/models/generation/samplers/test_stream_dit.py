from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.generation.backbone import Backbone
from models.generation.calls import run_alone
from models.generation.control import ChunkControl
from models.generation.samplers.stream_dit import StreamDiT
from models.generation.schedules import seeded_noise
from models.streaming import run
from tests.models.generation import plain, tiny

CLOSE = 2e-5  # float32: sums over tokens in another order


def reference(
    backbone: Backbone, chunks: int, steps: int, seed: int, controls: list[ChunkControl]
) -> list[Tensor]:
    """Integrate each chunk's own path from noise, one small step of all that overlap at a time."""
    text = run_alone(backbone.cache_prompt(controls[0].prompt, None)).text
    conditions = [plain.condition_of(backbone, control) for control in controls]
    state = [seeded_noise(seed, n, 0, backbone.shape) for n in range(len(controls))]
    total = chunks * steps
    for tick in range((len(controls) + chunks - 1) * steps):
        ages = {n: tick - n * steps for n in range(len(controls))}
        flying = [n for n, age in ages.items() if 0 <= age < total]
        clean = [n for n, age in ages.items() if age >= total]
        kept = clean[max(0, len(clean) - backbone.reach.window // backbone.chunk) :]
        order = kept + flying
        level = [0.0 if n in kept else 1 - ages[n] / total for n in order]
        levels = torch.tensor(level).repeat_interleave(backbone.chunk)
        noisy = torch.cat([state[n] for n in order], 2)
        condition = torch.cat([conditions[n] for n in order], 2)
        aims, _ = plain.read(noisy, levels, condition, text, None)
        for n, now, aim in zip(order, level, torch.split(aims, backbone.chunk, 2), strict=True):
            if n in flying:
                velocity = (state[n] - aim) / now
                state[n] = state[n] - velocity / total
    return [chunk[0] for chunk in state]


@pytest.mark.slow
@settings(max_examples=10)
@given(
    references=st.integers(0, 3),
    chunk=st.integers(1, 2),
    chunks=st.integers(1, 4),
    steps=st.integers(1, 3),
    count=st.integers(1, 6),
)
def test_a_moving_buffer_is_each_chunks_own_path(
    references: int, chunk: int, chunks: int, steps: int, count: int
) -> None:
    backbone = tiny.backbone(sink=0, window=references * chunk, chunk=chunk)
    controls = tiny.controls(count, chunk=chunk)
    made = list(run(StreamDiT(backbone, chunks, steps, seed=4), controls))
    slow = reference(backbone, chunks, steps, 4, controls)
    torch.testing.assert_close(torch.stack(made), torch.stack(slow), rtol=0, atol=2 * CLOSE)


def test_one_chunk_as_long_as_the_buffer_is_plain_euler() -> None:
    backbone = tiny.backbone(sink=0, window=0, chunk=4)
    control = tiny.controls(1, chunk=4)[0]
    made = next(run(StreamDiT(backbone, chunks=1, steps=5, seed=2), [control]))
    x = seeded_noise(2, 0, 0, backbone.shape)
    text = run_alone(backbone.cache_prompt(control.prompt, None)).text
    for step in range(5):
        level = 1 - step / 5
        aim, _ = plain.read(x, level, plain.condition_of(backbone, control), text, None)
        x = x - (x - aim) / level / 5
    torch.testing.assert_close(made, x[0], rtol=0, atol=CLOSE)


def test_a_copied_state_goes_on_the_same_and_stays_as_large() -> None:
    stream = StreamDiT(tiny.backbone(sink=0, window=2))
    state = stream.init_state()
    for control in tiny.controls(9):
        state, _ = stream.step(state, control)
    other = deepcopy(state)
    assert state.references.shape[2] == 2
    for control in tiny.controls(3, start=9):
        state, one = stream.step(state, control)
        other, two = stream.step(other, control)
        assert torch.equal(one[0], two[0])
    assert state.references.shape[2] == 2
    assert len(state.buffer) == 4


def test_a_switched_prompt_changes_no_emitted_chunk_and_the_very_next_one() -> None:
    stream = StreamDiT(tiny.backbone(sink=0, window=2))
    car = tiny.words().prompt("a car and stars")
    one = list(run(stream, tiny.controls(12)))
    two = list(run(stream, [*tiny.controls(8), *tiny.controls(4, car, start=8)]))
    assert torch.equal(torch.stack(one[:4]), torch.stack(two[:4]))
    assert not torch.allclose(one[4], two[4], atol=1e-4)


def test_pictures_with_strength_0_come_out_as_they_went_in() -> None:
    stream = StreamDiT(tiny.backbone(sink=0, window=2), steps=2)
    rng = torch.Generator().manual_seed(1)
    starts = [torch.randn(4, 1, 4, 4, generator=rng) for _ in range(6)]
    encoded = tiny.words().prompt("a duck")
    out = list(run(stream, [ChunkControl(encoded, start=start, strength=0.0) for start in starts]))
    torch.testing.assert_close(torch.stack(out), torch.stack(starts), rtol=0, atol=1e-5)
