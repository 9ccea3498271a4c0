"""The codec's engines against the codec itself."""

import pytest
import torch
from torch import Tensor

from models.engine import EngineLoader, load_in_torch
from models.generation.calls import Calls, run_alone, run_together
from models.generation.codec.codec import FeatureCache
from models.generation.codec.networks import CodecEngines, load_codec_engines
from tests.models.generation import tiny
from tests.trt_engines.stored import assert_compiles, load_exported

CLOSE = 5e-5  # float32, sums in another order: frames of random weights are tens in size


@pytest.fixture(scope="module", params=["torch", "exported"])
def engines(request: pytest.FixtureRequest) -> CodecEngines:
    load: EngineLoader = load_in_torch
    if request.param == "exported":
        load = load_exported
    codec = tiny.codec()
    return load_codec_engines(codec.config, tiny.SIZE, tiny.SIZE, lambda: codec, load_engine=load)


def clip(latents: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 4 * latents, 32, 32, generator=rng) * 2 - 1


def through(engines: CodecEngines, pixels: Tensor) -> Calls[tuple[Tensor, Tensor]]:
    """Return latents and frames of a clip, one latent after another."""
    encoder: FeatureCache | None = None
    decoder: FeatureCache | None = None
    latents, frames = [], []
    for part in torch.split(pixels, 4, 2):
        latent, encoder = yield from engines.encode(part, encoder)
        shown, decoder = yield from engines.decode(latent, decoder)
        latents.append(latent)
        frames.append(shown)
    return torch.cat(latents, 2), torch.cat(frames, 2)


@pytest.mark.slow
def test_a_stream_is_the_whole_clip_at_once(engines: CodecEngines) -> None:
    pixels = clip(40)
    made = run_alone(through(engines, pixels))
    with torch.no_grad():
        latents, _ = tiny.codec().encode(pixels)
        frames, _ = tiny.codec().decode(latents)
    torch.testing.assert_close(made, (latents, frames), rtol=0, atol=CLOSE)


@pytest.mark.slow
def test_streams_of_several_sessions_are_what_each_is_alone(engines: CodecEngines) -> None:
    clips = [clip(4, seed) for seed in range(3)]
    alone = [run_alone(through(engines, pixels)) for pixels in clips]
    together = run_together([through(engines, pixels) for pixels in clips])
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=CLOSE)


@pytest.mark.slow
def test_both_networks_compile() -> None:
    codec = tiny.codec()
    made = load_codec_engines(
        codec.config, tiny.SIZE, tiny.SIZE, lambda: codec, load_engine=load_exported
    )
    assert_compiles(made.encoder)
    assert_compiles(made.decoder)
