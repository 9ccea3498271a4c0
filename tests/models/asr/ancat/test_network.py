"""The network: gates, arrival, masks, and what a clip's end and other clips may not change."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.ancat.look_ahead import NEVER, Scheduler, arrivals, attention_mask, spans
from models.asr.ancat.network import (
    FRONT_BLOCKS,
    MODES,
    Ancat,
    AncatConfig,
    Mode,
    from_whisper,
)
from models.asr.streaming.causal_encoder import encode_masked
from tests.models.asr.tiny import SMALL, tiny_whisper


def tiny_ancat(mode: Mode = "adaptive", seed: int = 0, ahead: int = 3, frozen: int = 0) -> Ancat:
    """Return float64 weights at random, with schedulers that disagree from frame to frame."""
    torch.manual_seed(seed)
    config = AncatConfig(
        mode=mode, ahead=ahead, frozen=frozen, layers=2, scheduler=8, joint=8, units=5
    )
    model = Ancat(config, SMALL)
    whisper = tiny_whisper()
    model.front.load_state_dict(
        {name: whisper.state_dict()[name] for name in model.front.state_dict()}
    )
    for scheduler in model.schedulers:
        assert isinstance(scheduler, Scheduler)
        last = scheduler.layers[2]
        assert isinstance(last, torch.nn.Linear)
        torch.nn.init.normal_(last.weight, std=2.0)
        torch.nn.init.constant_(last.bias, 0.5)
    return model.double().eval().requires_grad_(False)


def drawn_mel(frames: int, batch: int = 1, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 80, frames, generator=rng, dtype=torch.float64)


def uneven_scheduler() -> tuple[Scheduler, Tensor]:
    """Return a scheduler some of whose gates are open, and what it reads."""
    torch.manual_seed(0)
    scheduler = Scheduler(6, 8, 5)
    last = scheduler.layers[2]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight, std=3.0)
    torch.nn.init.constant_(last.bias, 0.5)
    return scheduler.requires_grad_(False), torch.randn(2, 7, 6)


def test_gates_fall_and_a_span_has_no_holes() -> None:
    scheduler, x = uneven_scheduler()
    assert (scheduler(x, 1.0).diff(dim=2) <= 0).all()
    gates = scheduler(x, None)
    assert len(set(spans(gates).flatten().tolist())) > 2
    for row, span in zip(gates.reshape(-1, 5), spans(gates).flatten(), strict=True):
        assert row.tolist() == [0.0] * int(span) + [NEVER] * (5 - int(span))


def test_gates_that_cool_down_become_those_of_inference() -> None:
    scheduler, x = uneven_scheduler()
    hard = scheduler(x, None).exp()
    distances = [float((scheduler(x, t).exp() - hard).abs().max()) for t in (1.0, 0.1, 1e-4)]
    assert distances[0] > 0.1 > 1e-3 > distances[2]


def brute_arrivals(look: list[list[int]]) -> list[int]:
    """Follow every chain of looks: the latest sound that reaches each frame of the last layer."""
    time = len(look[0])
    before = list(range(time))
    for layer in look:
        visible = [[u for u in range(time) if u <= i + layer[i]] for i in range(time)]
        own = [max(before[u] for u in seen) for seen in visible]
        before = list(itertools.accumulate(own, max))  # frames leave in order
    return before


@given(st.lists(st.lists(st.integers(0, 4), min_size=9, max_size=9), min_size=1, max_size=4))
def test_arrival_is_the_latest_audio_that_any_chain_of_layers_reaches(
    look: list[list[int]],
) -> None:
    arrival = torch.arange(9.0)[None]
    for layer in look:
        opened = torch.arange(1, 5) <= torch.tensor(layer)[:, None]
        gates = torch.zeros(9, 4).masked_fill(~opened, NEVER)[None]
        arrival = arrivals(arrival, gates)
    assert arrival[0].tolist() == brute_arrivals(look)


def test_soft_arrival_is_the_mean_over_spans_drawn_from_the_gates() -> None:
    before = torch.tensor([[0.0, 1.0, 4.0, 4.0, 5.0, 9.0]])
    gates = torch.tensor([0.9, 0.5, 0.2]).log().expand(1, 6, 3)
    chances = [0.1, 0.4, 0.3, 0.2]  # of spans 0 to 3
    wanted = [
        sum(p * float(before[0, min(5, i + span)]) for span, p in enumerate(chances))
        for i in range(6)
    ]
    torch.testing.assert_close(arrivals(before, gates)[0], torch.tensor(wanted).cummax(0).values)


def test_the_delay_can_be_learnt_down_through_the_layers() -> None:
    model = tiny_ancat().requires_grad_(True)
    encoded = model.encode(drawn_mel(40), temperature=1.0)
    torch.autograd.backward(encoded.delays().mean())
    for index in range(2):
        slope = model.get_parameter(f"schedulers.{index}.layers.2.bias").grad
        assert slope is not None
        assert (slope > 0).all()  # shutting any gate shortens the wait


def test_the_mask_is_the_past_and_the_gates_and_no_frame_beyond_the_end() -> None:
    gates = torch.arange(1.0, 9.0).neg().reshape(1, 4, 2)
    mask = attention_mask(gates, torch.tensor([3]))[0, 0]
    wanted = [
        [0.0, -1.0, -2.0, NEVER],
        [0.0, 0.0, -3.0, NEVER],
        [0.0, 0.0, 0.0, NEVER],
        [0.0, 0.0, 0.0, NEVER],
    ]
    assert mask.tolist() == wanted


@settings(max_examples=20)
@given(seed=st.integers(0, 50), mode=st.sampled_from(["causal", "fixed", "adaptive"]))
def test_sound_after_a_frames_arrival_never_changes_it(seed: int, mode: Mode) -> None:
    model = tiny_ancat(mode, seed)
    mel = drawn_mel(48, seed=seed)
    encoded = model.encode(mel)
    for frame in (1, 5, 8):
        known = int(encoded.arrival[0, frame]) + 1
        changed = mel.clone()
        # The convolutions look 10 ms beyond a frame, which is one frame of mel.
        changed[:, :, 4 * known + 1 :] += 3.0
        again = model.encode(changed)
        torch.testing.assert_close(again.hidden[0, frame], encoded.hidden[0, frame])
        assert again.arrival[0, frame] == encoded.arrival[0, frame]


def test_adaptive_spans_differ_from_frame_to_frame_and_sound_within_them_matters() -> None:
    model = tiny_ancat()
    mel = drawn_mel(80)
    encoded = model.encode(mel)
    delays = encoded.delays()
    assert len(set(delays.tolist())) > 2
    frame = int(delays[:15].argmax())
    ends = 4 * (int(encoded.arrival[0, frame]) + 1)
    mel[:, :, ends - 3 : ends] += 3.0
    again = model.encode(mel)
    assert not torch.allclose(again.hidden[0, frame], encoded.hidden[0, frame], atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_clip_in_a_batch_is_encoded_as_if_alone(mode: Mode) -> None:
    model = tiny_ancat(mode)
    mel = drawn_mel(40, batch=2)
    both = model.encode(mel, torch.tensor([10, 6]))
    alone = model.encode(mel[1:, :, :24])
    # The last frame looks 10 ms beyond the clip: there lies more sound, alone there is none.
    torch.testing.assert_close(
        both.hidden[1, :5], alone.hidden[0, :5]
    ) if mode == "causal" else None
    assert both.arrival[1, :6].tolist() == alone.arrival[0].tolist()
    assert both.delays().shape == (16,)


def test_delays_of_the_modes_are_what_their_names_say() -> None:
    mel = drawn_mel(40)
    assert tiny_ancat("causal").encode(mel).delays().tolist() == [0.0] * 10
    # Two layers of three frames of 20 ms from the later one of a pair, until the clip ends.
    assert tiny_ancat("fixed").encode(mel).delays().tolist() == [3.0] * 7 + [2, 1, 0]
    nearer = tiny_ancat("fixed").encode(mel, ahead=1).delays()
    assert nearer.tolist() == [1.0] * 9 + [0]
    assert tiny_ancat("full").encode(mel).delays().tolist() == list(range(9, -1, -1))


def test_it_begins_as_the_encoder_that_it_was_made_from() -> None:
    whisper = tiny_whisper()
    config = AncatConfig(mode="causal", frozen=1, layers=1, joint=8, units=5)
    model = from_whisper(config, whisper)
    layer = whisper.encoder.layers[1].state_dict()
    for name, value in model.layers[0].state_dict().items():
        torch.testing.assert_close(value, layer[name])
    mel = drawn_mel(16).float()
    torch.testing.assert_close(
        model.encode_front(mel), encode_masked(model.front, mel, FRONT_BLOCKS)
    )
    with pytest.raises(ValueError, match="layers needed"):
        from_whisper(AncatConfig(layers=4), whisper)


def test_with_full_attention_it_starts_as_whisper_with_pairs_of_frames_merged() -> None:
    whisper, mel = tiny_whisper(), drawn_mel(22).float()
    model = from_whisper(AncatConfig(mode="full", layers=2, joint=8, units=5), whisper)
    published = encode_masked(whisper, mel, None)
    odd = torch.cat([published, torch.zeros_like(published[:, :1])], 1)
    wanted = (odd[:, ::2] + odd[:, 1::2]) / 2
    torch.testing.assert_close(model.encode(mel).hidden, wanted, rtol=1e-4, atol=1e-5)


def test_unknown_modes_and_empty_look_ahead_are_refused() -> None:
    with pytest.raises(ValueError, match="known are causal"):
        AncatConfig(mode="clairvoyant")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1 frame"):
        AncatConfig(mode="fixed", ahead=0)


def test_clips_longer_than_the_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 50"):
        tiny_ancat().encode(drawn_mel(104))
