import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.ancat.encoder import EncodedFrame, encoder_in_torch
from models.asr.ancat.network import Ancat, Mode
from tests.models.asr.ancat.test_network import drawn_mel, tiny_ancat

STREAMED: tuple[Mode, ...] = ("causal", "fixed", "adaptive")


def streamed(model: Ancat, parts: list[Tensor]) -> list[EncodedFrame]:
    encoder = encoder_in_torch(model)
    state, frames = encoder.init_state(), list[EncodedFrame]()
    for part in parts:
        state, news = encoder.step(state, part)
        frames += news
    return frames + encoder.flush(state)


def pieces(mel: Tensor, cuts: list[int]) -> list[Tensor]:
    return [torch.as_tensor(p) for p in torch.tensor_split(mel[0], sorted(cuts), dim=1)]


@pytest.mark.slow
@settings(max_examples=20)
@given(
    mode=st.sampled_from(STREAMED),
    seed=st.integers(0, 30),
    count=st.integers(1, 100),
    cuts=st.lists(st.integers(0, 100), max_size=12),
)
def test_any_chunking_is_the_masked_pass_over_the_whole(
    mode: Mode, seed: int, count: int, cuts: list[int]
) -> None:
    model = tiny_ancat(mode, seed)
    mel = drawn_mel(count, seed=seed)
    frames = streamed(model, pieces(mel, cuts))
    whole = model.encode(mel)
    torch.testing.assert_close(torch.stack([one.hidden for one in frames]), whole.hidden[0])
    assert [one.arrival for one in frames] == whole.arrival[0].tolist()


@pytest.mark.parametrize("mode", STREAMED)
def test_a_frame_is_emitted_once_its_look_ahead_has_arrived(mode: Mode) -> None:
    model = tiny_ancat(mode)
    encoder, mel = encoder_in_torch(model), drawn_mel(80)
    state = encoder.init_state()
    for frame in range(80):
        state, news = encoder.step(state, mel[0, :, frame : frame + 1])
        # A frame of 40 ms is known with the first frame of mel after it.
        assert all(one.arrival == (frame - 4) // 4 for one in news)
        assert not news or frame % 4 == 0


def test_a_stream_that_begins_with_nothing_waits() -> None:
    model = tiny_ancat()
    mel = drawn_mel(40)
    empty = mel[0, :, :0]
    frames = streamed(model, [empty, mel[0, :, :1], empty, mel[0, :, 1:], empty])
    torch.testing.assert_close(
        torch.stack([one.hidden for one in frames]), model.encode(mel).hidden[0]
    )


def test_a_copied_state_goes_on_the_same() -> None:
    model = tiny_ancat()
    encoder, mel = encoder_in_torch(model), drawn_mel(90)
    state, _ = encoder.step(encoder.init_state(), mel[0, :, :41])
    ends = []
    for _ in range(2):
        later, news = encoder.step(state.copy(), mel[0, :, 41:])
        ends.append(torch.stack([one.hidden for one in [*news, *encoder.flush(later)]]))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)


def test_later_sound_changes_no_frame_that_left() -> None:
    model = tiny_ancat()
    mel = drawn_mel(90)
    other = mel.clone()
    other[:, :, 50:] -= 2.0
    encoder = encoder_in_torch(model)
    _, before = encoder.step(encoder.init_state(), mel[0, :, :50])
    assert before
    for one, two in zip(before, streamed(model, [other[0]]), strict=False):
        torch.testing.assert_close(one.hidden, two.hidden)


def test_a_model_of_whole_clips_is_not_streamed() -> None:
    with pytest.raises(ValueError, match="attends to whole clips"):
        encoder_in_torch(tiny_ancat("full"))


def test_a_stream_longer_than_the_positions_is_refused() -> None:
    encoder = encoder_in_torch(tiny_ancat())
    with pytest.raises(ValueError, match="begin a new state"):
        encoder.step(encoder.init_state(), drawn_mel(110)[0])
