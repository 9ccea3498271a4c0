from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.asr.streaming.carelesswhisper_checkpoint import read_carelesswhisper
from models.asr.streaming.causal_encoder import BlockSizes, encode_masked
from models.asr.whisper.formats import openai
from models.errors import WeightsError
from tests.models.asr.tiny import tiny_whisper, write_openai

RANK = 3


def published(folder: Path) -> tuple[Path, dict[str, tuple[Tensor, Tensor]]]:
    """Write a checkpoint of the published form over the tiny network; return its adapters."""
    write_openai(tiny_whisper(), folder / "plain.pt")
    plain = torch.load(folder / "plain.pt", weights_only=True)
    rng = torch.Generator().manual_seed(4)
    state, adapters = {}, {}
    for name, tensor in plain["model_state_dict"].items():
        place, _, leaf = name.rpartition(".")
        if "attn." not in name:
            state[name] = tensor
            continue
        state[f"{place}.base_layer.{leaf}"] = tensor
        if leaf == "weight":
            first = torch.randn(tensor.shape[1], RANK, generator=rng) * 0.2
            second = torch.randn(RANK, tensor.shape[0], generator=rng) * 0.2
            state[f"{place}.lora_layer.lora_A"] = first
            state[f"{place}.lora_layer.lora_B"] = second
            adapters[place] = (first, second)
    state["encoder.mask"] = torch.zeros(2, 2, dtype=torch.bool)
    cfg = {"gran": 5, "extra_gran_blocks": 1, "rank": RANK}
    file = folder / "published.pt"
    torch.save({"dims": plain["dims"], "cfg": cfg, "state_dict": state}, file)
    return file, adapters


def test_it_computes_base_plus_adapter(tmp_path: Path) -> None:
    file, adapters = published(tmp_path)
    checkpoint, blocks = read_carelesswhisper(file)
    model = checkpoint.build()
    assert blocks == BlockSizes(chunk=5, first=10)
    assert len(adapters) == 4 * 2 + 8 * 2
    base = openai.read(tmp_path / "plain.pt").build()
    x = torch.randn(1, 7, 16, generator=torch.Generator().manual_seed(1))
    first, second = adapters["decoder.blocks.1.cross_attn.query"]
    wanted = base.decoder.layers[1].cross_attention.query(x) + x @ (first @ second)  # type: ignore[union-attr,operator]
    got = model.decoder.layers[1].cross_attention.query(x)  # type: ignore[union-attr,operator]
    # float32: the product is added before or after the layer's own sum
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    mel = torch.randn(1, model.config.mels, 40, generator=torch.Generator().manual_seed(2))
    assert not torch.allclose(encode_masked(model, mel, blocks), encode_masked(base, mel, blocks))


def test_half_an_adapter_is_refused(tmp_path: Path) -> None:
    file, _ = published(tmp_path)
    content = torch.load(file, weights_only=True)
    del content["state_dict"]["encoder.blocks.0.attn.out.lora_layer.lora_B"]
    torch.save(content, file)
    checkpoint, _ = read_carelesswhisper(file)
    with pytest.raises(WeightsError, match="not a CarelessWhisper checkpoint"):
        checkpoint.build()


@pytest.mark.parametrize("content", [b"", b"text"])
def test_another_kind_of_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="not a CarelessWhisper checkpoint"):
        read_carelesswhisper(tmp_path / "model.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"dims": Path("anything"), "cfg": {}, "state_dict": {}}, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="not a CarelessWhisper checkpoint"):
        read_carelesswhisper(tmp_path / "model.pt")
