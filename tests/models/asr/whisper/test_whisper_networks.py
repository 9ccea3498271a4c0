import pytest
import torch
from torch import Tensor

from models.engine import Engine, EngineState
from tests.models.asr.tiny import SMALL, TinyEngines
from tests.trt_engines.stored import assert_compiles


@pytest.fixture(params=["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def engines(request: pytest.FixtureRequest) -> TinyEngines:
    found: TinyEngines = request.getfixturevalue(f"tiny_whisper_in_{request.param}")
    return found


def decoded(
    decoder: Engine, sound: dict[str, Tensor], tokens: Tensor, state: EngineState
) -> dict[str, Tensor]:
    batch, count = tokens.shape
    visible = torch.zeros(count, SMALL.text_context, dtype=torch.bool)
    visible[:, :count] = torch.ones(count, count, dtype=torch.bool).tril()
    inputs = {
        "tokens": tokens,
        "positions": torch.arange(count).expand(batch, -1),
        "start": torch.zeros(batch, dtype=torch.int64),
        "visible": visible.expand(batch, 1, -1, -1),
        "scored": torch.tensor([[0, count - 1]]).expand(batch, -1),
        **sound,
    }
    return decoder.run(inputs, state)


def test_sounds_of_several_sessions_are_read_in_one_run(engines: TinyEngines) -> None:
    rng = torch.Generator().manual_seed(8)
    mel = torch.randn(3, 80, 60, generator=rng)
    tokens = torch.randint(0, SMALL.vocabulary, (3, 6), generator=rng)
    sounds = engines.encoder.run({"mel": mel})
    together = decoded(engines.decoder, sounds, tokens, engines.decoder.new_state(batch=3))
    for row in range(3):
        sound = engines.encoder.run({"mel": mel[row : row + 1]})
        state = engines.decoder.new_state(batch=1)
        alone = decoded(engines.decoder, sound, tokens[row : row + 1], state)
        for name, output in (sound | alone).items():
            # sums in another order
            other = (sounds | together)[name][row : row + 1]
            torch.testing.assert_close(other, output, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder", "decoder", "causal"])
def test_each_network_compiles_with_tensorrt_rtx(
    name: str, tiny_whisper_in_onnx: TinyEngines
) -> None:
    assert_compiles(getattr(tiny_whisper_in_onnx, name))
