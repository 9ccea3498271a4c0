from pathlib import Path

import pytest
import torch

from models.asr.ancat.stream import AncatStream
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.turn_end_only import TurnEndOnly
from models.asr.streaming.causal_stream import CausalStream
from models.asr.streaming.local_agreement import LocalAgreement
from models.engine import load_in_torch
from models.errors import WeightsError
from models.weights.fetch import fetch_weights
from web.config import read_settings
from web.errors import SettingsError
from web.loading.asr import NONE, asr_algorithm, final_model, load_asr


def test_a_causally_streamed_turn_is_transcribed_again_at_its_end() -> None:
    assert final_model(read_settings()) == NONE
    assert final_model(read_settings(asr="causal")) == "tiny.en"
    assert final_model(read_settings(asr="ancat")) == "tiny.en"
    assert final_model(read_settings(asr="causal", final_model="base")) == "base"
    assert final_model(read_settings(asr="causal", final_model="none")) == NONE
    assert final_model(read_settings(final_model="tiny.en")) == "tiny.en"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asr", "kind", "final"),
    [
        ("causal", CausalStream, WhisperFinalPass),
        ("ancat", AncatStream, WhisperFinalPass),
        ("local-agreement", LocalAgreement, type(None)),
        ("offline", TurnEndOnly, type(None)),
    ],
)
def test_each_recognition_mode_is_assembled(asr: str, kind: type, final: type) -> None:
    torch.set_num_threads(1)
    made = load_asr(read_settings(asr=asr, asr_chunk=100, threads=1), load_in_torch)
    assert isinstance(made.recognizer, kind)
    assert isinstance(made.final_pass, final)
    assert made.whisper.name == "tiny.en"
    if isinstance(made.recognizer, CausalStream):
        assert made.recognizer.config.chunk == 5


def test_a_model_without_a_causal_adapter_is_refused() -> None:
    own = fetch_weights("tiny.en", read_settings().weights)  # a model by its folder is another one
    with pytest.raises(WeightsError, match=r"has no causal adapter.*base, tiny\.en"):
        load_asr(read_settings(asr="causal", asr_model=str(own), threads=1), load_in_torch)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EYELINE_ASR_CHUNK", "250", "EYELINE_ASR_CHUNK: expected 100, 300, 1000 milliseconds"),
        ("EYELINE_FINAL_MODEL", "huge", "EYELINE_FINAL_MODEL: expected tiny.en, base or the path"),
        ("EYELINE_ASR", "guess", "EYELINE_ASR"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        read_settings()


def test_a_setting_from_the_environment_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_ASR_CHUNK", "1000")
    assert read_settings().asr_chunk == 1000


def test_a_plain_file_is_no_published_checkpoint(tmp_path: Path) -> None:
    plain = tmp_path / "model.pt"
    torch.save({"dims": {}, "model_state_dict": {}}, plain)
    assert asr_algorithm(read_settings(asr_model=str(plain))) == "local-agreement"
    published = tmp_path / "causal.pt"
    torch.save({"dims": {}, "cfg": {}, "state_dict": {}}, published)
    assert asr_algorithm(read_settings(asr_model=str(published))) == "causal"
