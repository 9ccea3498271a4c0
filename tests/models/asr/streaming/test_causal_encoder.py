import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.asr.streaming.causal_encoder import BlockSizes, block_mask, encode_masked
from models.asr.whisper.whisper import Whisper, WhisperConfig

CONFIG = WhisperConfig(
    mels=8,
    audio_context=64,
    audio_width=16,
    audio_heads=2,
    audio_layers=2,
    text_context=16,
    text_width=16,
    text_heads=2,
    text_layers=2,
    vocabulary=51864,
)


def random_whisper() -> Whisper:
    """A tiny network in float64, where the order of additions cannot hide an error."""
    rng = torch.Generator().manual_seed(5)
    model = Whisper(CONFIG).double().eval().requires_grad_(False)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=rng)
    return model


MODEL = random_whisper()
MEL = torch.randn(8, 101, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
SIZES = st.sampled_from(
    [BlockSizes(chunk=5, first=12), BlockSizes(chunk=7, first=3), BlockSizes(chunk=30)]
)


def test_a_mask_without_blocks_is_the_published_encoder() -> None:
    torch.testing.assert_close(
        encode_masked(MODEL, MEL[None], None), MODEL.encoder(MEL[None]), rtol=0, atol=1e-12
    )


@given(st.integers(0, 100), SIZES)
def test_later_sound_never_changes_earlier_frames(changed: int, blocks: BlockSizes) -> None:
    other = MEL.clone()
    other[:, changed:] += 1.0
    before, after = (encode_masked(MODEL, mel[None], blocks)[0] for mel in (MEL, other))
    # Frame i looks at mel frames up to 2 i + 2, and so does its whole block at its last frame.
    ends = [0, *(end for end in blocks.ends(51) if 2 * (end - 1) + 2 < changed)]
    torch.testing.assert_close(before[: ends[-1]], after[: ends[-1]], rtol=0, atol=0)
    assert not torch.equal(before, after)


def test_the_mask_opens_whole_blocks_and_all_before_them() -> None:
    mask = block_mask(9, BlockSizes(chunk=2, first=4))
    assert mask.sum(1).tolist() == [4, 4, 4, 4, 6, 6, 8, 8, 9]
    assert all(bool(row[: int(row.sum())].all()) for row in mask)


def test_sound_past_the_last_position_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="at most 64"):
        encode_masked(MODEL, torch.zeros(1, 8, 160, dtype=torch.float64), None)


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0)])
def test_empty_blocks_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        BlockSizes(chunk=sizes[0], first=sizes[1])
