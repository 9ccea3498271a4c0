import pytest
import torch

from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.registry import (
    DEFAULT_STEPS,
    MAX_STEPS,
    create_sampler,
    motion_stream_levels,
    rolling_forcing_levels,
)
from models.generation.schedules import ROLLING_FORCING_LEVELS
from models.streaming import run
from tests.models.generation import tiny


@pytest.mark.parametrize("name", DEFAULT_STEPS)
@pytest.mark.parametrize("most", [False, True])
def test_every_sampler_follows_its_controls_with_any_allowed_steps(name: str, most: bool) -> None:
    made = create_sampler(name, tiny.backbone(), steps=MAX_STEPS[name] if most else 1, seed=3)
    out = list(run(made, tiny.controls(3)))
    assert len(out) == 3
    assert all(torch.isfinite(chunk).all() for chunk in out)


def test_motion_stream_has_its_own_levels_without_a_number_of_steps() -> None:
    made = create_sampler("motion-stream", tiny.backbone())
    assert isinstance(made, MotionStream)
    assert made.levels == motion_stream_levels(DEFAULT_STEPS["motion-stream"])
    assert motion_stream_levels(2) == pytest.approx(MotionStream(tiny.backbone()).levels)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_levels_fall_from_pure_noise_and_those_of_a_ramp_were_trained(count: int) -> None:
    for levels in (motion_stream_levels(count), rolling_forcing_levels(count)):
        assert len(levels) == count
        assert levels[0] == 1
        assert list(levels) == sorted(set(levels), reverse=True)
    assert set(rolling_forcing_levels(count)) <= set(ROLLING_FORCING_LEVELS)


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [("euler", None, "motion-stream, rolling"), ("rolling-forcing", 6, "1 to 5 steps, got 6")],
)
def test_names_and_steps_that_no_sampler_has_are_refused(
    name: str, steps: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        create_sampler(name, tiny.backbone(), steps=steps)
