import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.asr.words import RATE
from models.errors import ModelError
from models.training.asr import corpus, voices
from models.training.asr.text import Sentence
from models.training.asr.voices import SynthesizedSpeech, resample

BOOKS = [Sentence(f"There is the letter {c} in this sentence.", "book", "own") for c in "abcdefgh"]


def hum(text: str, rng: np.random.Generator) -> SynthesizedSpeech:
    """A voice that hums as long as a speaker would take, at a drawn pitch."""
    pitch = rng.uniform(80, 300)
    time = np.arange(int(len(text) / 14 * RATE)) / RATE
    return SynthesizedSpeech(
        np.sin(2 * np.pi * pitch * time).astype(np.float32), "hum", {"pitch": pitch}
    )


@pytest.fixture(autouse=True)
def _humming(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in ("hibari", "pico"):
        monkeypatch.setitem(voices.ENGINES, engine, lambda: hum)


SHARES = {"hibari": 0.7, "pico": 0.3}


def made(folder: Path, seconds: float, seed: int = 1) -> list[dict[str, object]]:
    total = corpus.make(folder, BOOKS, SHARES, seconds=seconds, seed=seed)
    assert total >= seconds
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_the_same_recipe_gives_the_same_corpus(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one", 60), made(tmp_path / "two", 60)
    assert one == two
    assert {entry["engine"] for entry in one} == {"hibari", "pico"}
    for entry in one:
        sounds = [soundfile.read(tmp_path / n / str(entry["path"])) for n in ("one", "two")]
        np.testing.assert_array_equal(sounds[0][0], sounds[1][0])
        assert sounds[0][1] == RATE
        assert abs(len(sounds[0][0]) / RATE - float(str(entry["seconds"]))) < 1e-3


def test_another_seed_gives_another(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one", 40), made(tmp_path / "two", 40, seed=2)
    assert [entry["text"] for entry in one] != [entry["text"] for entry in two]


def test_a_longer_corpus_begins_with_the_shorter_one(tmp_path: Path) -> None:
    short = made(tmp_path / "one", 30)
    grown = made(tmp_path / "one", 90)
    assert grown == made(tmp_path / "two", 90)
    assert grown[: len(short)] == short
    assert len(grown) > len(short)


def test_a_folder_keeps_to_its_recipe(tmp_path: Path) -> None:
    made(tmp_path, 20)
    with pytest.raises(ValueError, match="another recipe"):
        made(tmp_path, 20, seed=2)


@pytest.mark.parametrize(
    ("seconds", "loudness"), [(0.2, 0.5), (30.0, 0.5), (2.0, 0.001), (9.0, 0.5)]
)
def test_sound_that_cannot_be_the_text_is_left_out(seconds: float, loudness: float) -> None:
    samples = np.full(int(seconds * RATE), loudness, np.float32)
    assert not corpus.usable(SynthesizedSpeech(samples, "hum", {}), "Twenty-six letters of text")


def test_sound_as_long_as_its_text_is_kept() -> None:
    assert corpus.usable(SynthesizedSpeech(np.full(2 * RATE, 0.5, np.float32), "hum", {}), "x" * 30)


def test_resampling_keeps_a_tone_at_its_place() -> None:
    time = np.arange(24_000) / 24_000
    tone = resample(np.sin(2 * np.pi * 500 * time), RATE / 24_000)
    assert len(tone) == RATE
    np.testing.assert_allclose(tone, np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE), atol=1e-4)


@pytest.mark.slow
def test_hibari_speaks_the_same_for_the_same_draw() -> None:
    speak = voices.hibari()
    one, two = (speak("Where is the red cup?", np.random.default_rng(5)) for _ in range(2))
    other = speak("Where is the red cup?", np.random.default_rng(6))
    np.testing.assert_array_equal(one.samples, two.samples)
    assert one.drawn == two.drawn != other.drawn
    assert 0.8 * RATE < len(one.samples) < 4 * RATE


def test_a_missing_program_is_named() -> None:
    speak = voices.flite(program="no-such-flite")
    with pytest.raises(ModelError, match=r"no-such-flite is not installed"):
        speak("Hello there.", np.random.default_rng(0))
