from copy import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.errors import WeightsError
from models.generation.wan.vae import MEAN, SCALE, VaeConfig, WanVae, infer_config
from models.generation.wan.vae_layers import CausalCache
from tests.models.generation.wan import made as wan_made
from tests.models.generation.wan.peak_memory import peak_of_decoding

VAE = wan_made.vae()
CLOSE = 1e-5  # float32, convolutions over more pictures at once


def tall(count: int) -> Tensor:
    return torch.randn(1, 16, count, 5, 2, generator=torch.Generator().manual_seed(count))


def latents(count: int) -> Tensor:
    return torch.randn(1, 16, count, 2, 3, generator=torch.Generator().manual_seed(count))


@torch.no_grad()
def at_once(z: Tensor) -> Tensor:
    """Return the pictures of a stream of which every layer sees all latents in one call."""
    mean, scale = (torch.tensor(part)[:, None, None, None] for part in (MEAN, SCALE))
    return VAE.decoder.run(VAE.conv2(z * scale + mean), CausalCache(None))


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
@torch.no_grad()
def test_latents_in_any_pieces_give_the_pictures_of_all_at_once(sizes: list[int]) -> None:
    z = latents(sum(sizes))
    memory, parts = None, []
    for piece in torch.split(z, sizes, 2):
        shown, memory = VAE.decode(piece, memory)
        parts.append(shown)
    assert parts[0].shape[2] == 4 * sizes[0] - 3
    torch.testing.assert_close(torch.cat(parts, 2), at_once(z), rtol=0, atol=CLOSE)


@settings(max_examples=8)
@given(rows=st.integers(1, 40))
@torch.no_grad()
def test_slices_of_any_height_give_the_pictures_and_the_cache_of_the_whole(rows: int) -> None:
    z, sliced = tall(3), copy(VAE)
    sliced.rows = rows
    memory, other = None, None
    for piece in torch.split(z, 1, 2):
        shown, memory = VAE.decode(piece, memory)
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


@torch.no_grad()
def test_pictures_in_pieces_give_the_latents_of_all_at_once() -> None:
    shown = torch.rand(1, 3, 13, 16, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole, _ = VAE.encode(shown)
    first, memory = VAE.encode(shown[:, :, :5])
    second, memory = VAE.encode(shown[:, :, 5:9], memory)
    third, _ = VAE.encode(shown[:, :, 9:], memory)
    assert whole.shape == (1, 16, 4, 4, 2)
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


def test_sizes_are_read_from_shapes_and_wans_own_are_the_default() -> None:
    assert infer_config(VAE.state_dict(), Path("x")) == VAE.config
    with torch.device("meta"):
        whole = WanVae(VaeConfig())
    state = whole.state_dict()
    assert infer_config(state, Path("x")) == VaeConfig()
    assert whole.config.side == 8
    assert sum(tensor.numel() for tensor in state.values()) == 126_892_531  # of Wan2.1_VAE.pth
    with pytest.raises(WeightsError, match=r"not Wan2\.1's autoencoder: it has no 'conv2\.weight'"):
        infer_config({}, Path("x"))
    with pytest.raises(WeightsError, match="latents of 48, not 16"):
        infer_config({**state, "conv2.weight": torch.zeros(48, 48, 1, 1, 1)}, Path("x"))
