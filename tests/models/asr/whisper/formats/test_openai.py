from pathlib import Path

import pytest
import torch

from models.asr.whisper.formats import openai
from models.errors import WeightsError


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02."])
def test_another_kind_of_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="not an OpenAI Whisper checkpoint"):
        openai.read(tmp_path / "model.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"dims": Path("anything"), "model_state_dict": {}}, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="not an OpenAI Whisper checkpoint"):
        openai.read(tmp_path / "model.pt")
