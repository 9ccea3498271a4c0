from copy import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.errors import WeightsError
from models.generation.wan.vae import VaeConfig, WanVae, infer_config
from models.generation.wan.vae_layers import CausalCache
from models.generation.wan.vae_shortcuts import from_patches
from models.generation.wan.vae_statistics import STATISTICS
from tests.models.generation.wan import made as wan_made
from tests.models.generation.wan.peak_memory import peak_of_decoding

VAE = wan_made.vae()
BOTH = pytest.mark.parametrize("vae", [VAE, wan_made.vae_48()], ids=["Wan2.1", "Wan2.2"])
CLOSE = 1e-5  # float32, convolutions over more pictures at once


def tall(count: int, channels: int) -> Tensor:
    return torch.randn(1, channels, count, 5, 2, generator=torch.Generator().manual_seed(count))


def latents(count: int, channels: int = 16) -> Tensor:
    return torch.randn(1, channels, count, 2, 3, generator=torch.Generator().manual_seed(count))


@torch.no_grad()
def at_once(vae: WanVae, z: Tensor) -> Tensor:
    """Return the pictures of a stream of which every layer sees all latents in one call."""
    statistics = STATISTICS[vae.config.channels]
    mean, scale = (torch.tensor(part)[:, None, None, None] for part in statistics)
    patches = vae.decoder.run(vae.conv2(z * scale + mean), CausalCache(None))
    return from_patches(patches, vae.config.patch)


@BOTH
@settings(max_examples=8)
@given(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
@torch.no_grad()
def test_latents_in_any_pieces_give_the_pictures_of_all_at_once(
    vae: WanVae, sizes: list[int]
) -> None:
    z = latents(sum(sizes), vae.config.channels)
    memory, parts = None, []
    for piece in torch.split(z, sizes, 2):
        shown, memory = vae.decode(piece, memory)
        parts.append(shown)
    assert parts[0].shape[2] == 4 * sizes[0] - 3
    torch.testing.assert_close(torch.cat(parts, 2), at_once(vae, z), rtol=0, atol=CLOSE)


@BOTH
@settings(max_examples=6)
@given(rows=st.integers(1, 40))
@torch.no_grad()
def test_slices_of_any_height_give_the_pictures_and_the_cache_of_the_whole(
    vae: WanVae, rows: int
) -> None:
    z, sliced = tall(3, vae.config.channels), copy(vae)
    sliced.rows = rows
    memory, other = None, None
    for piece in torch.split(z, 1, 2):
        shown, memory = vae.decode(piece, memory)
        same, other = sliced.decode(piece, other)
        torch.testing.assert_close(same, shown, rtol=0, atol=CLOSE)
        torch.testing.assert_close(other, memory, rtol=0, atol=CLOSE)


def test_slices_halve_what_decoding_takes_beside_its_caches() -> None:
    with torch.device("meta"):
        vae = WanVae(VaeConfig())
    (whole, caches), (sliced, same) = (peak_of_decoding(vae, 832, 480, rows) for rows in (0, 60))
    assert caches == same
    assert sliced < 0.65 * whole


@torch.no_grad()
def test_later_latents_leave_earlier_pictures_alone_and_memory_stays_as_large() -> None:
    z = latents(5)
    other = z.clone()
    other[:, :, 3:] += 1
    one, two = (VAE.decode(each)[0] for each in (z, other))
    assert torch.equal(one[:, :, :9], two[:, :, :9])
    assert not torch.allclose(one[:, :, 9:], two[:, :, 9:], atol=1e-3)
    sizes = [sum(part.numel() for part in VAE.decode(z[:, :, :n])[1]) for n in (1, 2, 5)]
    assert len(set(sizes)) == 1


@BOTH
@torch.no_grad()
def test_pictures_in_pieces_give_the_latents_of_all_at_once(vae: WanVae) -> None:
    shown = torch.rand(1, 3, 13, 16, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole, _ = vae.encode(shown)
    first, memory = vae.encode(shown[:, :, :5])
    second, memory = vae.encode(shown[:, :, 5:9], memory)
    third, _ = vae.encode(shown[:, :, 9:], memory)
    side = vae.config.side
    assert whole.shape == (1, vae.config.channels, 4, 16 // side, 8 // side)
    torch.testing.assert_close(torch.cat([first, second, third], 2), whole, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    ("shape", "streaming"),
    [
        ((1, 3, 4, 8, 8), False),  # 1 + 4 n where a stream begins
        ((1, 3, 5, 8, 8), True),
        ((1, 3, 0, 8, 8), True),
        ((1, 4, 5, 8, 8), False),
        ((1, 3, 5, 8, 6), False),
        ((3, 5, 8, 8), False),
    ],
)
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...], streaming: bool) -> None:
    memory = VAE.encode(torch.zeros(1, 3, 1, 8, 8))[1] if streaming else None
    with pytest.raises(ValueError, match="expected"):
        VAE.encode(torch.zeros(shape), memory)


@pytest.mark.parametrize(
    ("config", "side", "numbers"),
    [
        (VaeConfig(), 8, 126_892_531),  # of Wan2.1_VAE.pth
        (VaeConfig(dim=160, decoder_dim=256, channels=48, patch=2), 16, 704_688_668),
    ],
    ids=["Wan2.1", "Wan2.2"],
)
def test_sizes_are_read_from_shapes_and_both_of_wans_fit(
    config: VaeConfig, side: int, numbers: int
) -> None:
    assert infer_config(VAE.state_dict(), Path("x")) == VAE.config
    with torch.device("meta"):
        whole = WanVae(config)
    state = whole.state_dict()
    assert infer_config(state, Path("x")) == config
    assert config.side == side
    assert sum(tensor.numel() for tensor in state.values()) == numbers


def test_other_autoencoders_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"not Wan's autoencoder: it has no 'conv2\.weight'"):
        infer_config({}, Path("x"))
    state = {**VAE.state_dict(), "conv2.weight": torch.zeros(32, 32, 1, 1, 1)}
    with pytest.raises(WeightsError, match="latents of 32 channels, from 3 of a patch: not Wan's"):
        infer_config(state, Path("x"))
