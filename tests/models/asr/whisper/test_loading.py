from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.asr.whisper.loading import WhisperModel, load_whisper, read_checkpoint
from models.asr.whisper.whisper import Whisper
from models.errors import WeightsError
from tests.models.asr import whisper_reference as reference
from tests.models.asr.tiny import tiny_whisper, write_ctranslate2, write_huggingface, write_openai


def logits(model: Whisper) -> torch.Tensor:
    mel = torch.randn(80, 60, generator=torch.Generator().manual_seed(1))
    return reference.logits(model, [1, 5, 9, 2], reference.encode(model, mel))


@pytest.mark.parametrize("write", [write_openai, write_huggingface, write_ctranslate2])
def test_each_form_of_the_same_weights_gives_the_same_logits(
    write: Callable[[Whisper, Path], None], tmp_path: Path
) -> None:
    model = tiny_whisper()
    write(model, tmp_path / "written")
    read = read_checkpoint(tmp_path / "written")
    assert read.config == model.config
    # The weights are exact in float16; the order of sums is the same.
    torch.testing.assert_close(logits(read.build()), logits(model), rtol=0, atol=1e-6)


def test_alignment_heads_come_from_the_folder_or_are_the_upper_layers(tmp_path: Path) -> None:
    model = tiny_whisper()
    write_openai(model, tmp_path / "model.pt")
    write_huggingface(model, tmp_path / "hf")
    write_ctranslate2(model, tmp_path / "ct2")
    assert read_checkpoint(tmp_path / "model.pt").heads() == ((1, 0), (1, 1))
    assert read_checkpoint(tmp_path / "hf").heads() == ((1, 0),)
    assert read_checkpoint(tmp_path / "ct2").heads() == ((1, 1), (0, 0))


def test_a_path_with_nothing_in_it_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tiny\.en, base"):
        load_whisper(tmp_path / "nothing", tmp_path)


def test_real_weights_have_the_sizes_of_tiny_en(tiny_en: WhisperModel) -> None:
    config = tiny_en.config
    assert (config.audio_width, config.text_layers, config.vocabulary) == (384, 4, 51864)
    assert not any(weight.requires_grad for weight in tiny_en.checkpoint.build().parameters())
