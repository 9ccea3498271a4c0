import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from models.asr.whisper.formats import huggingface
from models.errors import WeightsError
from tests.models.asr.tiny import tiny_whisper, write_huggingface


def test_shards_are_joined(tmp_path: Path) -> None:
    write_huggingface(tiny_whisper(), tmp_path / "hf")
    file = tmp_path / "hf" / "model.safetensors"
    names = load_file(file)
    first = dict(list(names.items())[:9])
    save_file(first, tmp_path / "hf" / "model-00001-of-00002.safetensors")
    rest = {name: value for name, value in names.items() if name not in first}
    save_file(rest, tmp_path / "hf" / "model-00002-of-00002.safetensors")
    file.unlink()
    huggingface.read(tmp_path / "hf").build()


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    write_huggingface(tiny_whisper(), tmp_path / "hf")
    file = tmp_path / "hf" / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.encoder.conv1.bias"]
    save_file(tensors, file)
    with pytest.raises(WeightsError, match=r"encoder\.conv1\.bias"):
        huggingface.read(tmp_path / "hf").build()


def test_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(WeightsError, match="'llama' model"):
        huggingface.read(tmp_path)
