from pathlib import Path

import pytest
import safetensors.torch
import torch

from models.asr.ancat.loading import (
    build_ancat,
    load_ancat,
    read_ancat,
    save_ancat,
    trained_tensors,
)
from models.asr.ancat.network import AncatConfig, from_whisper
from models.errors import WeightsError
from models.training.ancat.ship import quantize
from tests.models.asr.ancat.test_network import drawn_mel
from tests.models.asr.tiny import tiny_whisper

CONFIG = AncatConfig(layers=1, joint=8, units=5, scheduler=4, ahead=2)


def saved(folder: Path) -> tuple[Path, torch.Tensor]:
    """Return a file of weights that half precision holds, and what their model hears."""
    model = from_whisper(CONFIG, tiny_whisper()).requires_grad_(False)
    for tensor in trained_tensors(model).values():
        tensor.copy_(tensor.half())
    file = folder / "ancat.safetensors"
    save_ancat(CONFIG, trained_tensors(model), file, {"step": 7})
    return file, model.eval().encode(drawn_mel(24).float()).hidden


def test_a_saved_model_computes_the_same_over_the_same_whisper(tmp_path: Path) -> None:
    file, hidden = saved(tmp_path)
    config, tensors, about = read_ancat(file)
    assert config == CONFIG
    assert about == {"step": 7}
    assert not any(name.startswith("front.") for name in tensors)
    model = build_ancat(config, tensors, tiny_whisper(), file)
    torch.testing.assert_close(model.encode(drawn_mel(24).float()).hidden, hidden)
    assert not any(weight.requires_grad for weight in model.parameters())


def test_an_int8_matrix_is_half_a_step_of_its_row_away_at_most(tmp_path: Path) -> None:
    file, _ = saved(tmp_path)
    _, exact, _ = read_ancat(file)
    with safetensors.safe_open(str(file), "pt") as opened:
        metadata = opened.metadata()
    safetensors.torch.save_file(quantize(exact), str(file), metadata=metadata)
    _, tensors, _ = read_ancat(file)
    assert tensors.keys() == exact.keys()
    for name, tensor in exact.items():
        step = tensor.float().abs().amax(-1, keepdim=True) / 127 if tensor.ndim > 1 else 0
        assert ((tensors[name].float() - tensor.float()).abs() <= 0.501 * step).all()


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    file, _ = saved(tmp_path)
    config, tensors, _ = read_ancat(file)
    tensors["pool.weight"] = tensors["pool.weight"][:3]
    with pytest.raises(WeightsError, match=r"does not fit .* pool\.weight"):
        build_ancat(config, tensors, tiny_whisper(), file)
    del tensors["norm.bias"]
    with pytest.raises(WeightsError, match=r"norm\.bias"):
        build_ancat(config, tensors, tiny_whisper(), file)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, str(file))
    with pytest.raises(WeightsError, match="not an ANCAT"):
        read_ancat(file)
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="not an ANCAT"):
        read_ancat(file)
    with pytest.raises(WeightsError, match="not an ANCAT"):
        load_ancat(tmp_path / "missing.safetensors", tmp_path)
