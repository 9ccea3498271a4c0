"""A multilingual model: at random, and with its weights; clips in two languages."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media.files.decoding import decode_audio
from models.asr.languages.multilingual import Multilingual
from models.asr.vad import SileroVad
from models.asr.whisper import tokenizer
from models.asr.whisper.loading import WhisperModel, assemble, load_whisper
from models.weights.fetch import fetch_weights
from tests.models.asr.conftest import Clip
from tests.models.asr.tiny import CONFIG, tiny_checkpoint
from tests.paths import DATA

CLIPS = DATA / "languages"


@pytest.fixture(scope="session")
def random_multilingual(weights_folder: Path) -> WhisperModel:
    """The tokenizer of base over a tiny network that was never trained."""
    config = replace(CONFIG, vocabulary=CONFIG.vocabulary + 1)
    table = tokenizer.load(fetch_weights("base", weights_folder) / "tokenizer.json", config)
    return assemble("random", tiny_checkpoint(config), table)


@pytest.fixture(scope="session")
def base(weights_folder: Path, detector: SileroVad) -> Multilingual:
    model = load_whisper("base", weights_folder, threads=1)
    return Multilingual(model, detector, ("en", "de", "es", "fr", "it"), final=True)


@pytest.fixture(scope="session")
def clips() -> dict[str, Clip]:
    """Return the clips by their language."""
    rows = map(json.loads, (CLIPS / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    return {
        row["language"]: Clip(
            row["text"], np.concatenate(list(decode_audio(CLIPS / row["path"], max_duration=60)))
        )
        for row in rows
    }
