"""The transformer in ONNX Runtime against PyTorch: calls, and long streams of each sampler."""

import pytest
import torch
from torch import Tensor

from models.generation.backbone import Backbone, in_torch
from models.generation.calls import run_alone, run_together
from models.generation.context import Reach
from models.generation.denoising_networks import HIDDEN, DitSize, load_dit_engines
from models.generation.generator import Sampler
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from tests.models.generation import tiny
from tests.trt_engines.stored import assert_compiles, load_exported

REACH = Reach(sink=1, window=2)
CLOSE = 1e-4  # float32, sums in other orders, over calls that see each other's results


@pytest.fixture(scope="module")
def backbones() -> tuple[Backbone, Backbone]:
    model = tiny.dit()
    size = DitSize(height=tiny.SIZE, width=tiny.SIZE, reach=REACH)
    exported = load_dit_engines(model.config, size, lambda: model, load_engine=load_exported)
    return in_torch(model, tiny.SIZE, tiny.SIZE, REACH), Backbone(exported, REACH)


def inputs(backbone: Backbone, batch: int, latents: int, places: list[int]) -> dict[str, Tensor]:
    """Return inputs at random, with a past in `places`."""
    rng = torch.Generator().manual_seed(batch)
    lengths = {"batch": batch, "latents": latents, "words": 5, "slots": len(places)}
    made = {
        each.name: torch.randn(each.size(lengths), generator=rng)
        for each in backbone.engines.denoising.spec.inputs
    }
    made["levels"] = torch.rand(batch, latents, generator=rng)
    made["places"] = torch.tensor(places).expand(batch, -1).contiguous()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("latents", "places"),
    [(1, [HIDDEN]), (1, [2, 0, HIDDEN, 1]), (5, [HIDDEN, 0, 1, HIDDEN]), (7, [HIDDEN])],
)
def test_a_call_is_the_same_in_both(
    backbones: tuple[Backbone, Backbone], batch: int, latents: int, places: list[int]
) -> None:
    given = inputs(backbones[0], batch, latents, places)
    here, there = (backbone.engines.denoising.run(given) for backbone in backbones)
    for name, tensor in here.items():
        torch.testing.assert_close(there[name], tensor, rtol=0, atol=2e-5)


@pytest.mark.slow
def test_both_networks_compile(backbones: tuple[Backbone, Backbone]) -> None:
    engines = backbones[1].engines
    assert_compiles(engines.denoising)
    assert_compiles(engines.text)


def samplers(backbone: Backbone) -> dict[str, Sampler[object]]:
    made: dict[str, object] = {
        "motion_stream": MotionStream(backbone, (1.0, 0.7)),
        "rolling_forcing": RollingForcing(backbone),
        "stream_dit": StreamDiT(backbone),
    }
    return made  # type: ignore[return-value]  # each has a state of its own


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"), [("motion_stream", 200), ("rolling_forcing", 40), ("stream_dit", 40)]
)
def test_a_stream_that_wraps_its_context_is_the_same_in_both(
    backbones: tuple[Backbone, Backbone], kind: str, count: int
) -> None:
    here, there = (samplers(backbone)[kind] for backbone in backbones)
    states = here.init_state(), there.init_state()
    prompts = [tiny.words().prompt(text) for text in ("a duck on grass", "a car and stars")]
    shown = 0
    for index in range(count):
        control = tiny.controls(1, prompts[index // 7 % 2], start=index)[0]
        one, latents = here.step(states[0], control)
        two, others = there.step(states[1], control)
        states = one, two
        shown += len(latents)
        for mine, other in zip(latents, others, strict=True):
            torch.testing.assert_close(other, mine, rtol=0, atol=CLOSE)
    assert shown >= count - 4


@pytest.mark.slow
def test_slots_may_be_in_any_order(backbones: tuple[Backbone, Backbone]) -> None:
    backbone = backbones[0]
    given = inputs(backbone, 1, 2, [0, 1, 2, HIDDEN])
    plain = backbone.engines.denoising.run(given)["clean"]
    order = [3, 2, 0, 1]
    tokens = given["past_keys"].shape[3] // 4
    rows = torch.cat([torch.arange(tokens) + slot * tokens for slot in order])
    for name in ("past_keys", "past_values"):
        given[name] = given[name][:, :, :, rows]
    given["places"] = given["places"][:, order]
    moved = backbone.engines.denoising.run(given)["clean"]
    torch.testing.assert_close(moved, plain, rtol=0, atol=1e-5)  # float32, in another order


@pytest.mark.slow
def test_what_is_in_a_hidden_slot_changes_nothing(backbones: tuple[Backbone, Backbone]) -> None:
    given = inputs(backbones[0], 1, 1, [0, HIDDEN])
    before = [backbone.engines.denoising.run(given)["clean"] for backbone in backbones]
    tokens = given["past_keys"].shape[3] // 2
    for name in ("past_keys", "past_values"):
        given[name][:, :, :, tokens:] = 1e6
    for backbone, clean in zip(backbones, before, strict=True):
        assert torch.equal(backbone.engines.denoising.run(given)["clean"], clean)


@pytest.mark.slow
def test_prompts_of_several_sessions_are_read_together(
    backbones: tuple[Backbone, Backbone],
) -> None:
    prompts = [tiny.words().prompt(text) for text in ("a duck", "a car on grass and stars")]
    for backbone in backbones:
        alone = [run_alone(backbone.cache_prompt(prompt, None)) for prompt in prompts]
        both = run_together([backbone.cache_prompt(prompt, None) for prompt in prompts])
        for one, other in zip(alone, both, strict=True):
            torch.testing.assert_close(other.text.keys, one.text.keys, rtol=0, atol=2e-6)
            torch.testing.assert_close(other.text.values, one.text.values, rtol=0, atol=2e-6)
