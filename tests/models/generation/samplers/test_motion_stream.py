from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.generation.backbone import Backbone
from models.generation.calls import run_alone
from models.generation.control import ChunkControl
from models.generation.dit import KeysValues
from models.generation.prompt_encoder import blend
from models.generation.samplers.motion_stream import MotionStream, MotionStreamState
from models.streaming import run
from tests.models.generation import plain, tiny

CLOSE = 2e-5  # float32: sums over tokens in another order


def resumed(
    stream: MotionStream, state: MotionStreamState, controls: list[ChunkControl]
) -> list[Tensor]:
    out: list[Tensor] = []
    for control in controls:
        state, latents = stream.step(state, control)
        out += latents
    return out


@pytest.mark.slow
@settings(max_examples=8)
@given(
    sink=st.integers(0, 2),
    window=st.integers(0, 3),
    chunk=st.integers(1, 2),
    steps=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_a_stream_with_a_cache_is_the_whole_stream_without_one(
    sink: int, window: int, chunk: int, steps: int, seed: int
) -> None:
    backbone = tiny.backbone(sink=sink * chunk, window=window * chunk, chunk=chunk)
    levels = (1.0, 0.8, 0.5)[:steps]
    controls = tiny.controls(7, chunk=chunk)
    made = list(run(MotionStream(backbone, levels, seed), controls))
    slow = plain.motion_stream(backbone, levels, seed, controls)
    torch.testing.assert_close(torch.stack(made), torch.stack(slow), rtol=0, atol=CLOSE)


def test_six_chunks_are_two_and_then_four_exactly() -> None:
    stream = MotionStream(tiny.backbone())
    whole = list(run(stream, tiny.controls(6)))
    state = stream.init_state()
    first_part: list[Tensor] = []
    for control in tiny.controls(2):
        state, latents = stream.step(state, control)
        first_part += latents
    rest = resumed(stream, deepcopy(state), tiny.controls(4, start=2))
    assert torch.equal(torch.stack(whole), torch.stack(first_part + rest))


def test_later_control_changes_no_earlier_chunk() -> None:
    stream = MotionStream(tiny.backbone())
    other = tiny.words().prompt("a car and stars")
    one = list(run(stream, tiny.controls(6)))
    two = list(run(stream, [*tiny.controls(3), *tiny.controls(3, other, start=10)]))
    assert torch.equal(torch.stack(one[:3]), torch.stack(two[:3]))
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in zip(one[3:], two[3:], strict=True))


def test_a_prompt_that_says_the_same_changes_nothing() -> None:
    stream = MotionStream(tiny.backbone())
    again = tiny.words().prompt("A duck, on grass!")
    same = [*tiny.controls(3), *tiny.controls(3, again, start=3)]
    assert torch.equal(
        torch.stack(list(run(stream, tiny.controls(6)))), torch.stack(list(run(stream, same)))
    )


def test_a_switched_prompt_reads_the_window_anew_and_keeps_the_sink() -> None:
    stream = MotionStream(tiny.backbone(sink=1, window=2))
    state = stream.init_state()
    for control in tiny.controls(5):
        state, _ = stream.step(state, control)
    before = state.context
    text = run_alone(
        stream.backbone.cache_prompt(tiny.words().prompt("a car and stars"), None)
    ).text
    after = run_alone(stream.backbone.recache(before, text))
    past, then = (plain.in_view(context) for context in (before, after))
    assert past is not None
    assert then is not None
    tokens = before.tokens
    assert torch.equal(then.keys[..., :tokens, :], past.keys[..., :tokens, :])
    seen: KeysValues | None = plain.in_view(before, before.order[:1])
    for place, (old, new) in enumerate(zip(before.order, after.order, strict=True)):
        assert torch.equal(after.latents[:, :, new], before.latents[:, :, old])
        if not place:
            continue
        latent, condition = (
            part[:, :, old : old + 1] for part in (before.latents, before.condition)
        )
        _, own = plain.read(latent, 0.0, condition, text, seen)
        at = slice(place * tokens, (place + 1) * tokens)
        torch.testing.assert_close(then.keys[..., at, :], own.keys, rtol=0, atol=CLOSE)
        assert seen is not None
        seen = plain.joined([seen, own])


def test_all_weight_on_one_prompt_is_that_prompt_and_half_is_neither() -> None:
    stream, words = MotionStream(tiny.backbone()), tiny.words()
    duck, car = words.prompt("a duck on grass"), words.prompt("a car and stars")

    def made(weight: float) -> Tensor:
        encoded = blend([(duck, weight), (car, 1 - weight)])
        return torch.stack(list(run(stream, tiny.controls(3, encoded))))

    assert torch.equal(made(1.0), torch.stack(list(run(stream, tiny.controls(3, duck)))))
    assert torch.equal(made(0.0), torch.stack(list(run(stream, tiny.controls(3, car)))))
    assert not torch.allclose(made(0.5), made(1.0), atol=1e-3)
    assert not torch.allclose(made(0.5), made(0.0), atol=1e-3)
    near = (made(0.999) - made(1.0)).abs().max()
    assert near < (made(0.5) - made(1.0)).abs().max() / 10


def test_the_sink_stays_bit_for_bit_and_the_buffers_stay_as_large() -> None:
    stream = MotionStream(tiny.backbone(sink=1, window=2))
    state, _ = stream.step(stream.init_state(), tiny.controls(1)[0])
    size = state.context.size
    first = plain.in_view(state.context, state.context.order[:1])
    assert first is not None
    places = {buffer.data_ptr() for buffer in (state.context.keys, state.context.values)}
    for control in tiny.controls(12, start=1):
        state, _ = stream.step(state, control)
    kept = plain.in_view(state.context, state.context.order[:1])
    assert kept is not None
    assert torch.equal(kept.keys, first.keys)
    assert state.context.size == size
    assert {b.data_ptr() for b in (state.context.keys, state.context.values)} == places
    assert len(state.context.order) == 3


class InterruptedStepError(Exception):
    """Someone left in the middle of a chunk."""


@pytest.mark.parametrize("call", range(8))
def test_a_step_that_is_cut_short_leaves_the_state_usable(
    call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = MotionStream(tiny.backbone())
    other = tiny.words().prompt("a car and stars")
    state = stream.init_state()
    for control in tiny.controls(4):
        state, _ = stream.step(state, control)
    expected = resumed(stream, deepcopy(state), tiny.controls(3, other, start=4))
    calls = 0
    ask = Backbone.denoise

    def counted(*given: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call + 1:
            raise InterruptedStepError
        return ask(*given, **named)  # type: ignore[arg-type]  # whatever it was given

    with monkeypatch.context() as patched:
        patched.setattr(Backbone, "denoise", counted)
        if call < 5:  # two latents of the window, two steps, one to remember the chunk
            with pytest.raises(InterruptedStepError):
                stream.step(state, tiny.controls(1, other, start=4)[0])
        else:
            resumed(stream, deepcopy(state), tiny.controls(1, other, start=4))
    again = resumed(stream, state, tiny.controls(3, other, start=4))
    assert torch.equal(torch.stack(again), torch.stack(expected))


def test_pictures_to_begin_from_are_followed_as_far_as_their_strength() -> None:
    stream = MotionStream(tiny.backbone(), levels=(1.0, 0.6))
    control = tiny.controls(1)[0]
    start = torch.randn(stream.backbone.shape[1:], generator=torch.Generator().manual_seed(3))

    def made(strength: float) -> Tensor:
        return next(run(stream, [ChunkControl(control.prompt, control.track, start, strength)]))

    assert torch.equal(made(0.0), start)
    assert torch.equal(made(1.0), next(run(stream, [control])))
    assert not torch.allclose(made(0.6), start, atol=1e-3)
    assert not torch.allclose(made(0.6), made(1.0), atol=1e-3)


def test_another_seed_is_another_stream() -> None:
    backbone = tiny.backbone()
    one, two = (next(run(MotionStream(backbone, seed=s), tiny.controls(1))) for s in (1, 2))
    assert not torch.allclose(one, two, atol=1e-2)


@pytest.mark.parametrize(
    "wrong",
    [
        ChunkControl(tiny.words().prompt("a duck"), torch.zeros(1, 5, 2)),
        ChunkControl(tiny.words().prompt("a duck"), torch.zeros(3, 4, 2)),
        ChunkControl(tiny.words().prompt("a duck"), start=torch.zeros(4, 2, 4, 4)),
        ChunkControl(tiny.words().prompt("a duck"), start=torch.zeros(4, 1, 4, 4), strength=2.0),
    ],
)
def test_control_of_another_shape_is_refused(wrong: ChunkControl) -> None:
    stream = MotionStream(tiny.backbone())
    with pytest.raises(ValueError, match="expected"):
        stream.step(stream.init_state(), wrong)
