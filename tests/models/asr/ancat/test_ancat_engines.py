"""ANCAT's networks, exported and run in ONNX Runtime, against the networks themselves."""

import pytest
import torch
from torch import Tensor

from models.asr.ancat.encoder import AncatEncoder, EncodedFrame
from models.asr.ancat.encoder_network import AncatEncoderNetwork
from models.asr.ancat.network import Ancat
from models.asr.ancat.search import TransducerSearch, TransducerSearchState
from models.asr.ancat.transducer_networks import (
    JoinerNetwork,
    PredictorNetwork,
    TransducerEngines,
    transducer_in_torch,
)
from models.engine import Engine, ExportableNetwork, TorchEngine
from tests.models.asr.ancat.test_network import drawn_mel, tiny_ancat
from tests.trt_engines.stored import ExportedEngine, assert_compiles

pytestmark = pytest.mark.slow

CLOSE = 2e-4  # float32 through two layers, summed in another order


@pytest.fixture(scope="module")
def model() -> Ancat:
    """Return a model with a frozen layer."""
    return tiny_ancat(frozen=1).float()


@pytest.fixture(scope="module")
def engines(model: Ancat) -> dict[str, Engine]:
    networks: tuple[ExportableNetwork, ...] = (
        AncatEncoderNetwork(model),
        PredictorNetwork(model.transducer),
        JoinerNetwork(model.transducer),
    )
    return {network.spec.name: ExportedEngine(network) for network in networks}


def streamed(encoder: AncatEncoder, mel: Tensor, size: int) -> list[EncodedFrame]:
    state, frames = encoder.init_state(), list[EncodedFrame]()
    for begin in range(0, mel.shape[1], size):
        state, new = encoder.step(state, mel[:, begin : begin + size])
        frames += new
    return frames + encoder.flush(state)


@pytest.mark.parametrize("size", [1, 7, 90])
def test_the_exported_encoder_streams_what_the_whole_clip_is(
    model: Ancat, engines: dict[str, Engine], size: int
) -> None:
    mel = drawn_mel(90).float()
    frames = streamed(AncatEncoder(engines["ancat-encoder"]), mel[0], size)
    whole = model.encode(mel)
    torch.testing.assert_close(
        torch.stack([one.hidden for one in frames]), whole.hidden[0], atol=CLOSE, rtol=CLOSE
    )
    assert [one.arrival for one in frames] == whole.arrival[0].tolist()


def test_streams_of_a_batch_go_at_their_own_pace(model: Ancat, engines: dict[str, Engine]) -> None:
    """Three streams, one of them two frames late, and one that gets nothing more."""
    counts = ([8, 0, 4], [8, 8, 0], [8, 4, 0], [4, 8, 0])
    mel = drawn_mel(31, batch=3, seed=4).float()
    both = (TorchEngine(AncatEncoderNetwork(model)), engines["ancat-encoder"])
    states = [engine.new_state(batch=3) for engine in both]
    given = torch.zeros(3, model.config.layers + 1, dtype=torch.int64)
    for count in counts:
        inputs = {
            "mel_before": mel[:, :, :3],
            "mel": mel[:, :, 3:11],
            "mel_count": torch.tensor(count),
            "given": given,
            "ended": torch.tensor([False, False, True]),
            "rows": torch.arange(8),
            "slots": torch.arange(60),
        }
        wanted, found = (
            engine.run(inputs, state) for engine, state in zip(both, states, strict=True)
        )
        assert found["given_now"].tolist() == wanted["given_now"].tolist()
        new = wanted["given_now"] - given
        for row in range(3):
            frames = -(-int(new[row, -1]) // 2)
            torch.testing.assert_close(
                found["hidden"][row, :frames],
                wanted["hidden"][row, :frames],
                atol=CLOSE,
                rtol=CLOSE,
            )
            for layer in range(model.config.layers):
                some = int(new[row, layer + 1])
                seen = (each["last_seen"][row, layer, :some].tolist() for each in (found, wanted))
                assert next(seen) == next(seen)
        given = wanted["given_now"]
    assert given[:, 0].tolist() == [14, 10, 2]
    assert given[2].tolist() == [2] * (model.config.layers + 1)


def decoded(engines: TransducerEngines, frames: Tensor, beam: int) -> TransducerSearchState:
    search = TransducerSearch(engines, beam=beam)
    state = search.init_state()
    for frame in frames:
        state = search.step(state, frame)
    return state


@pytest.mark.parametrize("beam", [1, 4])
def test_the_exported_transducer_finds_the_same_letters(
    model: Ancat, engines: dict[str, Engine], beam: int
) -> None:
    frames = torch.randn(200, 16, generator=torch.Generator().manual_seed(1))
    exported = TransducerEngines(engines["ancat-predictor"], engines["ancat-joiner"])
    reference = transducer_in_torch(model.transducer)
    wanted, found = (decoded(each, frames, beam) for each in (reference, exported))
    assert found.best.units == wanted.best.units
    assert found.best.units
    assert found.best.frames == wanted.best.frames
    assert found.best.score == pytest.approx(wanted.best.score, abs=1e-2)


def test_each_network_compiles_with_tensorrt_rtx(engines: dict[str, Engine]) -> None:
    for engine in engines.values():
        assert_compiles(engine)
