from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.asr.whisper import lora
from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.errors import WeightsError

SMALL = {
    "mels": 8,
    "audio_context": 20,
    "audio_heads": 2,
    "audio_layers": 2,
    "text_context": 16,
    "text_heads": 2,
    "text_layers": 2,
    "vocabulary": 51864,
}


def random_whisper(width: int = 16) -> Whisper:
    rng = torch.Generator().manual_seed(7)
    config = WhisperConfig(audio_width=width, text_width=width, **SMALL)
    model = Whisper(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=rng)
    return model


def hidden(model: Whisper) -> Tensor:
    mel = torch.linspace(-1, 1, 8 * 20).view(1, 8, 20)
    return model.decode(torch.tensor([[1, 2, 3]]), model.init_state(model.encode(mel)))[0]


def adapted() -> Whisper:
    model = random_whisper()
    rng = torch.Generator().manual_seed(8)
    for parameter in lora.attach(model, rank=4, alpha=8, rng=rng):
        nn.init.normal_(parameter, std=0.2, generator=rng)
    return model


def test_a_fresh_adapter_changes_nothing() -> None:
    model = random_whisper()
    before = hidden(model)
    trained = lora.attach(model, rank=4, alpha=4, rng=torch.Generator().manual_seed(1))
    torch.testing.assert_close(hidden(model), before, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in trained)
    others = {id(p) for p in model.parameters()} - {id(p) for p in trained}
    assert not any(p.requires_grad for p in model.parameters() if id(p) in others)


def test_encoder_and_both_attentions_of_the_decoder_are_adapted() -> None:
    places = {name.rpartition(".")[0] for name in lora.adapter(adapted())}
    attentions = [f"encoder.layers.{i}.self_attention" for i in range(2)]
    attentions += [
        f"decoder.layers.{i}.{kind}_attention" for i in range(2) for kind in ("self", "cross")
    ]
    assert places == {f"{where}.{p}" for where in attentions for p in lora.PROJECTIONS}


def test_feed_forward_layers_are_adapted_where_asked_for(tmp_path: Path) -> None:
    model, rng = random_whisper(), torch.Generator().manual_seed(8)
    trained = lora.attach(model, rank=4, alpha=8, rng=rng, feed_forward=True)
    assert len(trained) == 2 * (4 * 6 + 2 * 4)
    for parameter in trained:
        nn.init.normal_(parameter, std=0.2, generator=rng)
    lora.save(model, tmp_path / "fed.safetensors", {})
    again = random_whisper()
    lora.load(again, tmp_path / "fed.safetensors")
    lora.merge(again)
    with torch.no_grad():
        # the file holds float16
        torch.testing.assert_close(hidden(again), hidden(model), rtol=1e-2, atol=1e-2)
        lora.merge(model)
    assert model.state_dict().keys() == random_whisper().state_dict().keys()


def test_gradients_reach_every_adapter() -> None:
    model = adapted()
    hidden(model).square().sum().backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    trained = [p for p in model.parameters() if p.requires_grad]
    assert len(trained) == 2 * 4 * 6
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in trained)


def test_merged_computes_the_same_and_is_plain_again() -> None:
    model = adapted()
    with torch.no_grad():
        before = hidden(model)
        lora.merge(model)
        after = hidden(model)
    # two small products before the sum, or one after it: float32 rounds differently
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert model.state_dict().keys() == random_whisper().state_dict().keys()
    assert not torch.allclose(before, hidden(random_whisper()))


def test_saved_and_loaded_it_computes_the_same(tmp_path: Path) -> None:
    model, file = adapted(), tmp_path / "new" / "adapter.safetensors"
    lora.save(model, file, {"model": "tiny.en", "step": 3})
    for name, tensor in lora.adapter(model).items():
        tensor.copy_(tensor.half())  # what the file holds
        assert name
    again = random_whisper()
    about = lora.load(again, file)
    assert about == {"model": "tiny.en", "step": 3, "scale": 2.0}
    torch.testing.assert_close(hidden(again), hidden(model), rtol=0, atol=0)


def test_an_adapter_of_another_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    lora.save(adapted(), file, {})
    with pytest.raises(WeightsError, match="another model"):
        lora.load(random_whisper(width=32), file)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    text, foreign = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    text.write_text("no tensors")
    save_file({"weight": torch.zeros(1)}, str(foreign))
    for file in (text, foreign, tmp_path / "missing.safetensors"):
        with pytest.raises(WeightsError, match="not an adapter"):
            lora.load(random_whisper(), file)


def test_a_model_takes_one_adapter_and_saves_none_without() -> None:
    with pytest.raises(ValueError, match="adapters already"):
        lora.attach(adapted(), rank=2, alpha=2, rng=torch.Generator())
    with pytest.raises(ValueError, match="no adapters"):
        lora.save(random_whisper(), Path("never-written"), {})
