import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.asr.streaming.running_mel import MIN_PEAK, RunningMel, running_log_mel
from models.asr.whisper.mel import DYNAMIC_RANGE, log_mel
from models.streaming import run

RNG = np.random.default_rng(3)
# A quiet beginning, then louder: what a running maximum treats unlike a whole-clip one.
SOUND = (RNG.standard_normal(16_000) * np.linspace(0.001, 0.3, 16_000)).astype(np.float32)


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12).map(sorted))
def test_any_chunking_gives_the_same_frames(cuts: list[int]) -> None:
    parts = list(run(RunningMel(), np.split(SOUND, cuts)))
    whole = list(run(RunningMel(), [SOUND]))
    torch.testing.assert_close(torch.stack(parts), torch.stack(whole), rtol=0, atol=1e-5)


def test_louder_sound_later_changes_no_earlier_frame() -> None:
    louder = np.concatenate([SOUND[:8000], 0.9 * np.sign(SOUND[8000:])]).astype(np.float32)
    known = (8000 - 200) // 160
    torch.testing.assert_close(
        running_log_mel(louder)[:, :known], running_log_mel(SOUND)[:, :known], rtol=0, atol=0
    )
    assert not torch.equal(running_log_mel(louder), running_log_mel(SOUND))


def test_frames_after_the_loudest_are_those_of_the_whole_clip() -> None:
    loud_first = SOUND[::-1].copy() * 10
    published, running = log_mel(loud_first), running_log_mel(loud_first)
    loudest = int(published.amax(0).argmax())
    # float32 energies of one window and of many at once differ in their last bits
    torch.testing.assert_close(running[:, loudest:], published[:, loudest:], rtol=0, atol=1e-5)


def test_digital_silence_lies_at_the_floor_below_a_quiet_talker() -> None:
    floor = (MIN_PEAK - DYNAMIC_RANGE + 4.0) / 4.0
    assert torch.all(running_log_mel(np.zeros(1600, np.float32)) == floor)


def test_a_level_carried_over_scales_as_if_the_stream_went_on() -> None:
    model = RunningMel()
    state, _ = model.step(model.init_state(), SOUND)
    fresh, frames = model.step(model.init_state(state.loudest), SOUND[:1600])
    assert fresh.loudest == state.loudest
    assert frames[0].min() >= (state.loudest - DYNAMIC_RANGE + 4.0) / 4.0


@pytest.mark.parametrize("samples", [np.zeros((2, 400), np.float32), np.zeros(10, np.float32)])
def test_sound_that_is_no_mono_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"1-D samples|too few"):
        running_log_mel(samples)
