"""The engine of the enlarger against the enlarger itself."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.engine import Engine, EngineLoader, NetworkSource, load_in_torch
from models.generation.calls import Calls, run_alone, run_together
from models.generation.codec.codec import FeatureCache, LatentDecoder
from models.generation.codec.enlarging import EnlargingDecoder, EnlargingNetwork, enlarging_spec
from tests.models.generation import tiny
from tests.trt_engines.stored import assert_compiles, load_exported

SIDE = tiny.SIDE
CLOSE = 5e-5  # float32, sums in another order: frames of random weights are tens in size


def loaded(load: EngineLoader) -> Engine:
    network = tiny.enlarger()
    spec = enlarging_spec(network.config, SIDE)
    return load(NetworkSource(spec=spec, weights="", build=lambda: EnlargingNetwork(network, SIDE)))


@pytest.fixture(scope="module", params=["torch", "exported"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "exported":
        return loaded(load_exported)
    return loaded(load_in_torch)


def latents(count: int, seed: int = 0) -> Sequence[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return list(torch.split(torch.randn(1, 4, count, tiny.SIZE, tiny.SIZE, generator=rng), 1, 2))


def through(decoder: LatentDecoder, parts: Sequence[Tensor]) -> Calls[Tensor]:
    cache: FeatureCache | None = None
    shown = []
    for part in parts:
        frames, cache = yield from decoder.decode(part, cache)
        shown.append(frames)
    return torch.cat(shown, 2)


def whole(parts: Sequence[Tensor]) -> Tensor:
    """Return what decoding and enlarging all at once gives."""
    network = tiny.enlarger()
    memory = torch.zeros(1, network.config.memory, SIDE, SIDE)
    with torch.no_grad():
        frames, _ = tiny.codec().decode(torch.cat(list(parts), 2))
        shown: Tensor = network(frames, memory)[0]
    return shown


@pytest.mark.slow
def test_streams_of_sessions_together_are_each_alone_and_at_once(engine: Engine) -> None:
    decoder = EnlargingDecoder(tiny.codec_engines(), engine)
    streams = [latents(4, seed) for seed in range(3)]
    together = run_together([through(decoder, parts) for parts in streams])
    for parts, shown in zip(streams, together, strict=True):
        assert shown.shape == (1, 3, 16, 2 * SIDE, 2 * SIDE)
        torch.testing.assert_close(run_alone(through(decoder, parts)), shown, rtol=0, atol=CLOSE)
        torch.testing.assert_close(shown, whole(parts), rtol=0, atol=CLOSE)


@pytest.mark.slow
def test_it_compiles() -> None:
    assert_compiles(loaded(load_exported))
