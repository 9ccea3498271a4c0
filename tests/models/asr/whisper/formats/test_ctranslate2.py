from pathlib import Path

import pytest

from models.asr.whisper.formats import ctranslate2
from models.errors import WeightsError
from tests.models.asr.tiny import tiny_whisper, write_ctranslate2


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    write_ctranslate2(tiny_whisper(), tmp_path / "ct2")
    file = tmp_path / "ct2" / "model.bin"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="not a whole CTranslate2 Whisper model"):
        ctranslate2.read(tmp_path / "ct2")


def test_quantized_weights_are_refused_by_name(tmp_path: Path) -> None:
    write_ctranslate2(tiny_whisper(), tmp_path / "ct2", quantized=True)
    with pytest.raises(WeightsError, match="conv1/bias is quantized"):
        ctranslate2.read(tmp_path / "ct2")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"not a model at all, just some text")
    with pytest.raises(WeightsError, match="fetch it again"):
        ctranslate2.read(tmp_path)
