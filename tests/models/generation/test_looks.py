import pytest
import torch

from models.generation.chunk_request import MAX_THINGS
from models.generation.control import MAP_CHANNELS, ChunkControl
from models.generation.looks import ChunkLooks, look_channels, look_maps, pasted
from models.generation.samplers.registry import DEFAULT_STEPS, create_sampler
from models.streaming import run
from tests.models.generation import tiny

CHANNELS = 4
SHAPE = (CHANNELS, 1, tiny.SIZE, tiny.SIZE)


def looks(seed: int = 0, *, ground: float = 1.0) -> ChunkLooks:
    rng = torch.Generator().manual_seed(seed)
    things = torch.randn(MAX_THINGS, CHANNELS + 1, 1, tiny.SIZE, tiny.SIZE, generator=rng)
    whole = torch.randn(CHANNELS, tiny.SIZE, tiny.SIZE, generator=rng)
    return ChunkLooks(things, ground * whole)


def test_maps_are_the_things_in_their_order_and_then_the_background() -> None:
    given = looks()
    maps = look_maps(given, SHAPE)
    assert maps.shape == (look_channels(CHANNELS), *SHAPE[1:])
    each = CHANNELS + 1
    for number in range(MAX_THINGS):
        assert torch.equal(maps[number * each : (number + 1) * each], given.things[number])
    assert torch.equal(maps[MAX_THINGS * each :, 0], given.ground)
    assert look_maps(None, SHAPE).shape == maps.shape
    assert look_maps(None, SHAPE).abs().max() == 0


def test_a_later_thing_is_in_front_and_the_background_behind_all() -> None:
    things = torch.zeros(MAX_THINGS, CHANNELS + 1, 1, 1, 3)
    for number, cells in enumerate(([0, 1], [1])):  # cells that each covers entirely
        things[number, :CHANNELS, :, :, cells] = number + 2.0
        things[number, CHANNELS, :, :, cells] = 1.0
    maps = ChunkLooks(things, torch.ones(CHANNELS, 1, 3)).maps
    assert pasted(maps[None], CHANNELS)[0, :, 0, 0].tolist() == [[2.0, 3.0, 1.0]] * CHANNELS


def test_a_model_that_takes_looks_is_told_from_one_that_does_not() -> None:
    assert tiny.dit(condition=tiny.LOOKED).config.takes_looks
    assert not tiny.dit().config.takes_looks
    backbone = tiny.backbone(tiny.dit(condition=tiny.LOOKED))
    maps = backbone.condition(tiny.track(0), looks())
    assert maps.shape[1] == MAX_THINGS * MAP_CHANNELS + look_channels(CHANNELS)
    plain = tiny.backbone().condition(tiny.track(0), looks())
    assert torch.equal(maps[:, : plain.shape[1]], plain)


@pytest.mark.parametrize("name", DEFAULT_STEPS)
@pytest.mark.parametrize("gated", [False, True])
def test_every_sampler_draws_what_its_looks_say(name: str, gated: bool) -> None:
    backbone = tiny.backbone(tiny.dit(condition=tiny.LOOKED, gated=gated))

    def drawn(shown: ChunkLooks | None) -> torch.Tensor:
        control = [ChunkControl(each.prompt, each.track, looks=shown) for each in tiny.controls(6)]
        return torch.stack(list(run(create_sampler(name, backbone, seed=1), control)))

    same, other, none = drawn(looks()), drawn(looks(1)), drawn(None)
    assert torch.equal(same, drawn(looks()))
    assert not torch.allclose(same, other, atol=1e-3)
    assert not torch.allclose(same, none, atol=1e-3)
