"""Real weights, fetched once, and the small real clips."""

import json
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.asr.streaming.causal_loading import CausalModel
from models.asr.vad import SileroVad
from models.asr.whisper import tokenizer
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.asr.words import RATE
from models.engine import TorchEngine
from models.weights.fetch import fetch_weights
from tests.models.asr.tiny import (
    CONFIG,
    TinyEngines,
    tiny_causal,
    tiny_engines,
    tiny_recognizer,
)
from tests.paths import SPEECH, WEIGHTS
from tests.trt_engines.stored import ExportedEngine


@dataclass(frozen=True)
class Clip:
    text: str
    samples: NDArray[np.float32]


def read_clip(name: str) -> Clip:
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text().splitlines()]
    (text,) = [row["text"] for row in rows if row["path"] == name]
    with av.open(str(SPEECH / name)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    return Clip(text, np.concatenate(parts).astype(np.float32))


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    return WEIGHTS


@pytest.fixture(scope="session")
def tiny_en(weights_folder: Path) -> WhisperModel:
    return load_whisper("tiny.en", weights_folder, threads=1)


@pytest.fixture(scope="session")
def tiny_whisper_in_torch() -> TinyEngines:
    return tiny_engines(TorchEngine)


@pytest.fixture(scope="session")
def tiny_whisper_in_onnx() -> TinyEngines:
    return tiny_engines(ExportedEngine)


@pytest.fixture(scope="session")
def silero(weights_folder: Path) -> Path:
    return fetch_weights("silero-vad", weights_folder) / "silero_vad.onnx"


@pytest.fixture(scope="session")
def detector(silero: Path) -> SileroVad:
    return SileroVad(silero)


@pytest.fixture(scope="session")
def jfk() -> Clip:
    return read_clip("jfk.flac")


@pytest.fixture(scope="session")
def concord() -> Clip:
    return read_clip("ls-6930-75918-0000.flac")


@pytest.fixture(scope="session")
def random_recognizer(weights_folder: Path) -> WhisperModel:
    """The real tokenizer over a tiny network that was never trained."""
    torch.set_num_threads(1)
    file = fetch_weights("tiny.en", weights_folder) / "tokenizer.json"
    return tiny_recognizer(tokenizer.load(file, CONFIG))


@pytest.fixture(scope="session")
def random_causal(random_recognizer: WhisperModel) -> CausalModel:
    """The same network, run as a causal one."""
    return tiny_causal(random_recognizer)
