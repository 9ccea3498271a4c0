import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.streaming.causal_encoder import BlockSizes, encode_masked
from models.asr.streaming.causal_sound import CausalSoundEncoder
from models.asr.whisper.sound import EncodedSound, sound_of
from models.asr.whisper.whisper_networks import SoundProjections
from models.engine import Engine
from tests.models.asr.tiny import SMALL, TinyEngines, tiny_whisper

NETWORK = tiny_whisper()
MEL = torch.randn(80, 99, generator=torch.Generator().manual_seed(6))
SIZES = st.sampled_from(
    [BlockSizes(chunk=5, first=12), BlockSizes(chunk=7, first=3), BlockSizes(chunk=30)]
)


@pytest.fixture(scope="module", params=["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Engine:
    engines: TinyEngines = request.getfixturevalue(f"tiny_whisper_in_{request.param}")
    return engines.causal


def streamed(engine: Engine, mel: Tensor, blocks: BlockSizes, cuts: list[int]) -> EncodedSound:
    encoder = CausalSoundEncoder(SMALL, engine, blocks)
    state, done = encoder.init_state(), list[EncodedSound]()
    for part in mel.tensor_split(cuts, dim=1):
        state, full = encoder.step(state, part)
        done += full
    first, *later = [*done, *encoder.flush(state)]
    for block in later:
        first = first.extended(block)
    return first


def assert_equals_masked(found: EncodedSound, mel: Tensor, blocks: BlockSizes) -> None:
    offline = SoundProjections(NETWORK.decoder)(encode_masked(NETWORK, mel[None], blocks))
    for one, two in zip(found.tensors, sound_of(offline).tensors, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-4)  # sums in another order


@given(blocks=SIZES, cuts=st.lists(st.integers(0, 99), max_size=9).map(sorted))
@settings(max_examples=20)
def test_streamed_equals_masked_offline_however_it_is_cut(
    engine: Engine, blocks: BlockSizes, cuts: list[int]
) -> None:
    assert_equals_masked(streamed(engine, MEL, blocks, cuts), MEL, blocks)


@pytest.mark.parametrize("frames", range(1, 12))
def test_streamed_equals_masked_offline_at_any_length(engine: Engine, frames: int) -> None:
    blocks = BlockSizes(chunk=2, first=3)
    mel = MEL[:, :frames]
    assert_equals_masked(streamed(engine, mel, blocks, [1, 4]), mel, blocks)


def test_a_block_comes_out_as_soon_as_its_last_frame_is_known(engine: Engine) -> None:
    encoder = CausalSoundEncoder(SMALL, engine, BlockSizes(chunk=5, first=12))
    state, done = encoder.step(encoder.init_state(), MEL[:, :24])
    assert not done
    state, done = encoder.step(state, MEL[:, 24:25])
    assert [block.frames for block in done] == [12]
    assert state.position == 12


def test_sound_past_the_last_position_is_refused_by_name(engine: Engine) -> None:
    encoder = CausalSoundEncoder(SMALL, engine, BlockSizes(chunk=10, first=10))
    with pytest.raises(ValueError, match="begin a new state"):
        encoder.step(encoder.init_state(), torch.zeros(80, 160))


def test_blocks_longer_than_the_window_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="longer than the model's window"):
        CausalSoundEncoder(SMALL, engine, BlockSizes(chunk=51))
