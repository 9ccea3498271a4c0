"""The list of what commands need is all that loading takes."""

from pathlib import Path

import pytest

import models.weights.fetch
from models.engine import load_in_torch
from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from web.config import Settings, read_settings
from web.loading.asr import load_asr
from web.loading.models import load_assistant
from web.loading.needs import Needs, fetch, generating, hearing, needs, seeing


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the packaged weights that loading asks for."""
    asked: list[str] = []
    verify = models.weights.fetch.verify_weights

    def noted(name: str, folder: Path) -> tuple[str, ...]:
        asked.append(name)
        return verify(name, folder)

    monkeypatch.setattr(models.weights.fetch, "verify_weights", noted)
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("asr", ["local-agreement", "causal", "ancat", "offline"])
def test_speech_recognition_takes_what_the_list_says_and_no_more(
    verified: list[str], asr: str
) -> None:
    settings = read_settings(asr=asr)
    load_asr(settings, load_in_torch)
    assert set(verified) <= set(hearing(settings).packaged)
    loaded_apart = {"silero-vad", "speaker-encoder"}
    assert set(hearing(settings).packaged) - set(verified) <= loaded_apart
    assert all(file.is_file() for file in hearing(settings).shipped)


@pytest.mark.slow
def test_the_assistant_takes_what_the_list_says_and_no_more(verified: list[str]) -> None:
    settings = read_settings()
    load_assistant(settings, load_in_torch, load_in_torch)
    assert set(verified) == set(seeing(settings).packaged)
    assert all(file.is_file() for file in seeing(settings).shipped)


def test_each_command_needs_a_part_of_what_serve_needs() -> None:
    settings = Settings(final_model="base", video_model="qwen2.5-vl-3b", drawing_model="longlive")
    whole = needs(settings, "serve")
    assert set(whole.packaged) <= set(WEIGHTS)
    assert whole.pulled == ("qwen2.5-vl-3b", "wan2.1", "longlive")
    for part in (needs(settings, "captions"), needs(settings, "ask"), needs(settings, "replay")):
        assert part + whole == Needs(part.packaged, part.pulled, part.shipped) + whole
        assert set(part.packaged) <= set(whole.packaged)
        assert set(part.pulled) <= set(whole.pulled)
    heard = ("tiny.en", "base", "silero-vad", "speaker-encoder")
    assert needs(settings, "captions").packaged == heard
    unlabelled = settings.model_copy(update={"speakers": False})
    assert needs(unlabelled, "captions").packaged == heard[:-1]
    assert not needs(settings, "captions").pulled


@pytest.mark.parametrize(
    "changed", [{"video_model": "llava-onevision-0.5b"}, {"drawing_model": "rolling-forcing"}]
)
def test_a_model_of_the_hub_is_verified_before_anything_is_loaded(
    tmp_path: Path, changed: dict[str, str]
) -> None:
    settings = Settings(weights=tmp_path, **changed)  # type: ignore[arg-type]  # as parametrized
    wanted = seeing(settings) if "video_model" in changed else generating(settings)
    with pytest.raises(WeightsError, match="missing or incomplete: eyeline pull"):
        fetch(wanted, settings)


def test_a_missing_part_of_the_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="install it again"):
        fetch(Needs(shipped=(tmp_path / "gone.safetensors",)), Settings(weights=tmp_path))
