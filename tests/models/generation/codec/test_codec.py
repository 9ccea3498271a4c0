import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.generation.codec.codec import FeatureCache, fold, unfold
from tests.models.generation import tiny

CLOSE = 1e-5  # float32: convolutions of other batch sizes


def clip(latents: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 4 * latents, 16, 24, generator=rng) * 2 - 1


@torch.no_grad()
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(1, 5), max_size=4, unique=True).map(sorted))
def test_decoding_in_any_pieces_is_decoding_the_whole(cuts: list[int]) -> None:
    codec = tiny.codec()
    latents, _ = codec.encode(clip(6))
    whole, _ = codec.decode(latents)
    memory: FeatureCache | None = None
    parts = []
    for start, end in zip([0, *cuts], [*cuts, 6], strict=True):
        shown, memory = codec.decode(latents[:, :, start:end], memory)
        parts.append(shown)
    torch.testing.assert_close(torch.cat(parts, 2), whole, rtol=0, atol=CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("cut", [1, 3])
def test_encoding_in_pieces_is_encoding_the_whole(cut: int) -> None:
    codec, pixels = tiny.codec(), clip(5)
    whole, _ = codec.encode(pixels)
    first, memory = codec.encode(pixels[:, :, : 4 * cut])
    second, _ = codec.encode(pixels[:, :, 4 * cut :], memory)
    torch.testing.assert_close(torch.cat([first, second], 2), whole, rtol=0, atol=CLOSE)


@torch.no_grad()
def test_later_latents_change_no_earlier_picture_but_all_later_ones() -> None:
    codec = tiny.codec()
    latents, _ = codec.encode(clip(6))
    other = latents.clone()
    other[:, :, 3] += 1
    one, two = codec.decode(latents)[0], codec.decode(other)[0]
    assert torch.equal(one[:, :, :12], two[:, :, :12])
    for picture in range(12, 20):
        assert not torch.allclose(one[:, :, picture], two[:, :, picture], atol=1e-5)


@torch.no_grad()
def test_a_memory_is_as_large_after_a_hundred_latents_as_after_one() -> None:
    codec = tiny.codec()
    latents, _ = codec.encode(clip(1))
    _, memory = codec.decode(latents)
    sizes = [part.shape for part in memory]
    for _ in range(100):
        _, memory = codec.decode(latents, memory)
    assert [part.shape for part in memory] == sizes


def test_blocks_unfold_to_what_was_folded() -> None:
    pixels = clip(3)
    for side in (2, 4, 8):
        assert torch.equal(unfold(fold(pixels, side), side), pixels)
    assert fold(pixels, 8).shape == (1, 3, 768, 2, 3)
    block = fold(pixels, 8)[0, 1, :, 1, 2]
    assert torch.equal(block.sort().values, pixels[0, :, 4:8, 8:, 16:].flatten().sort().values)


def test_mean_and_scale_change_the_latents_and_not_the_pictures() -> None:
    codec, pixels = tiny.codec(), clip(2)
    with torch.no_grad():
        plain, _ = codec.decode(codec.encode(pixels)[0])
        codec.mean.fill_(0.5)
        codec.scale.fill_(3.0)
        latents, _ = codec.encode(pixels)
        torch.testing.assert_close(codec.decode(latents)[0], plain, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("shape", [(1, 3, 5, 16, 16), (1, 3, 4, 15, 16), (1, 1, 4, 16, 16)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        tiny.codec().encode(torch.zeros(shape))
