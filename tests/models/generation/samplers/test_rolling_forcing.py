from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.generation.control import ChunkControl
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.schedules import ROLLING_FORCING_LEVELS
from models.streaming import run
from tests.models.generation import plain, tiny

CLOSE = 2e-5  # float32: sums over tokens in another order


@pytest.mark.slow
@settings(max_examples=10)
@given(
    sink=st.integers(0, 2),
    window=st.integers(0, 3),
    chunk=st.integers(1, 2),
    depth=st.integers(1, 5),
    count=st.integers(1, 7),
)
def test_a_stream_with_a_cache_is_the_whole_stream_without_one(
    sink: int, window: int, chunk: int, depth: int, count: int
) -> None:
    backbone = tiny.backbone(sink=sink * chunk, window=window * chunk, chunk=chunk)
    levels = ROLLING_FORCING_LEVELS[:depth]
    controls = tiny.controls(count, chunk=chunk)
    made = list(run(RollingForcing(backbone, levels, 5), controls))
    slow = plain.rolling_forcing(backbone, levels, 5, controls)
    torch.testing.assert_close(torch.stack(made), torch.stack(slow), rtol=0, atol=CLOSE)


def test_one_chunk_in_flight_is_motion_stream_with_one_step() -> None:
    backbone, controls = tiny.backbone(), tiny.controls(6)
    rolling = list(run(RollingForcing(backbone, (1.0,), 3), controls))
    stream = list(run(MotionStream(backbone, (1.0,), 3), controls))
    assert torch.equal(torch.stack(rolling), torch.stack(stream))


def test_a_chunk_comes_out_with_each_that_goes_in_once_the_window_is_full() -> None:
    rolling = RollingForcing(tiny.backbone())
    state, counts = rolling.init_state(), []
    for control in tiny.controls(8):
        state, latents = rolling.step(state, control)
        counts.append(len(latents))
    assert counts == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(rolling.flush(state)) == 4
    assert len(state.window) == 4


def test_a_copied_state_goes_on_the_same() -> None:
    rolling = RollingForcing(tiny.backbone())
    state = rolling.init_state()
    for control in tiny.controls(6):
        state, _ = rolling.step(state, control)
    other = deepcopy(state)
    for control in tiny.controls(4, start=6):
        state, one = rolling.step(state, control)
        other, two = rolling.step(other, control)
        assert torch.equal(torch.stack(list(one)), torch.stack(list(two)))


def test_a_switched_prompt_changes_no_emitted_chunk_and_the_very_next_one() -> None:
    rolling = RollingForcing(tiny.backbone())
    car = tiny.words().prompt("a car and stars")
    one = list(run(rolling, tiny.controls(12)))
    two = list(run(rolling, [*tiny.controls(8), *tiny.controls(4, car, start=8)]))
    # 8 controls in, 5 chunks in flight: chunks 0 to 3 are out when the prompt changes
    assert torch.equal(torch.stack(one[:4]), torch.stack(two[:4]))
    assert not torch.allclose(one[4], two[4], atol=1e-3)


def test_a_track_shows_in_its_own_chunk_and_leaves_emitted_ones_alone() -> None:
    rolling = RollingForcing(tiny.backbone())
    moved = [*tiny.controls(8), *tiny.controls(4, start=42)]
    one, two = (list(run(rolling, controls)) for controls in (tiny.controls(12), moved))
    assert torch.equal(torch.stack(one[:4]), torch.stack(two[:4]))
    assert not torch.allclose(one[8], two[8], atol=1e-3)


def test_pictures_with_strength_0_come_out_as_they_went_in() -> None:
    rolling = RollingForcing(tiny.backbone())
    rng = torch.Generator().manual_seed(1)
    starts: list[Tensor] = [torch.randn(4, 1, 4, 4, generator=rng) for _ in range(7)]
    encoded = tiny.words().prompt("a duck")
    out = list(run(rolling, [ChunkControl(encoded, start=start, strength=0.0) for start in starts]))
    assert torch.equal(torch.stack(out), torch.stack(starts))
