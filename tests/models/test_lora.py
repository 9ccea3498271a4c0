from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models import lora
from models.asr.whisper.whisper import PROJECTIONS, Whisper, WhisperConfig
from models.errors import WeightsError
from tests.models.asr.whisper_reference import encode, read

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
    mel = torch.linspace(-1, 1, 8 * 20).view(8, 20)
    return read(model, [1, 2, 3], encode(model, mel))[0]


def adapted(feed_forward: bool = False) -> tuple[Whisper, dict[str, nn.Parameter]]:
    """Return a model with adapters at random, and their parameters."""
    model = random_whisper()
    rng = torch.Generator().manual_seed(8)
    layers = model.projections(feed_forward=feed_forward)
    parameters = lora.attach(layers, rank=4, alpha=8, rng=rng)
    for parameter in parameters.values():
        nn.init.normal_(parameter, std=0.2, generator=rng)
    return model, parameters


def test_a_fresh_adapter_changes_nothing() -> None:
    model = random_whisper()
    before = hidden(model)
    rng = torch.Generator().manual_seed(1)
    trained = lora.attach(model.projections(), rank=4, alpha=4, rng=rng).values()
    torch.testing.assert_close(hidden(model), before, rtol=0, atol=0)
    assert all(parameter.requires_grad for parameter in trained)
    others = {id(p) for p in model.parameters()} - {id(p) for p in trained}
    assert not any(p.requires_grad for p in model.parameters() if id(p) in others)


def test_encoder_and_both_attentions_of_the_decoder_are_adapted() -> None:
    _, parameters = adapted()
    attentions = [f"encoder.layers.{i}.self_attention" for i in range(2)]
    attentions += [
        f"decoder.layers.{i}.{kind}_attention" for i in range(2) for kind in ("self", "cross")
    ]
    assert parameters.keys() == {
        f"{name}.{part}.{side}" for name in attentions for part in PROJECTIONS for side in "ab"
    }


@pytest.mark.parametrize("feed_forward", [False, True])
def test_a_saved_adapter_merges_into_a_plain_model_that_computes_the_same(
    feed_forward: bool, tmp_path: Path
) -> None:
    model, parameters = adapted(feed_forward)
    file = tmp_path / "new" / "adapter.safetensors"
    assert len(parameters) == 2 * (4 * 6 + (2 * 4 if feed_forward else 0))
    lora.save(parameters, file, lora.metadata({"model": "tiny.en", "step": 3}, scale=2.0))
    plain = random_whisper()
    before = hidden(plain)
    shared = plain.encoder.layers[0].self_attention.query.weight  # type: ignore[union-attr]
    copy = shared.clone()  # type: ignore[operator]
    adapter = lora.read(file)
    assert adapter.notes == {"model": "tiny.en", "step": 3, "scale": 2.0}
    lora.merge(plain.projections(feed_forward=feed_forward), adapter)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(parameter.half())  # what the file holds
        # two small products before the sum, or one after it: float32 rounds differently
        torch.testing.assert_close(hidden(plain), hidden(model), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(before, hidden(plain))
    assert plain.state_dict().keys() == random_whisper().state_dict().keys()
    assert not any(parameter.requires_grad for parameter in plain.parameters())
    assert torch.equal(shared, copy)  # type: ignore[arg-type]  # another model may use it


def test_gradients_reach_every_adapter() -> None:
    model, parameters = adapted()
    hidden(model).square().sum().backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    assert len(parameters) == 2 * 4 * 6
    for parameter in parameters.values():
        assert parameter.grad is not None
        assert bool(parameter.grad.abs().sum() > 0)


def test_an_adapter_of_other_layers_or_another_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    lora.save(adapted()[1], file, {})
    with pytest.raises(WeightsError, match=r"adapter\.safetensors: is an adapter of another model"):
        lora.merge(random_whisper(width=32).projections(), lora.read(file))
    with pytest.raises(WeightsError, match=r"another model: decoder.*feed_forward"):
        lora.merge(random_whisper().projections(feed_forward=True), lora.read(file))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    text, foreign = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    text.write_text("no tensors")
    save_file({"weight": torch.zeros(1)}, str(foreign))
    with pytest.raises(WeightsError, match="not an adapter: it holds weight"):
        lora.read(foreign)
    for file in (text, tmp_path / "missing.safetensors"):
        with pytest.raises(WeightsError, match="not a readable adapter"):
            lora.read(file)


def test_a_model_takes_one_adapter_and_saves_none_without() -> None:
    model, _ = adapted()
    with pytest.raises(ValueError, match="an adapter already"):
        lora.attach(model.projections(), rank=2, alpha=2, rng=torch.Generator())
    with pytest.raises(ValueError, match="no adapter"):
        lora.save({}, Path("never-written"), {})
