from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import lora
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.streaming.causal_loading import (
    CHUNK_FRAMES,
    adapted_models,
    adapter_file,
    load_carelesswhisper,
    make_causal,
)
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.whisper import Whisper
from models.asr.words import RATE, TranscriptUpdate
from models.errors import WeightsError
from models.streaming import run
from tests.models.asr.conftest import Clip
from tests.models.asr.offline.test_transcription import in_order, wer


@pytest.mark.slow
def test_weights_without_adapters_are_shared_with_the_offline_model(tiny_en: WhisperModel) -> None:
    made = make_causal(tiny_en)
    own = {p.data_ptr() for p in tiny_en.model.parameters()}
    fresh = [p for p in made.model.parameters() if p.data_ptr() not in own]
    total = sum(p.numel() for p in made.model.parameters())
    assert 0 < sum(p.numel() for p in fresh) < 0.55 * total
    assert made.model.decoder.embedding.weight.data_ptr() in own
    assert not any(p.requires_grad for p in made.model.parameters())


def test_making_it_causal_leaves_the_offline_model_alone(
    random_recognizer: WhisperModel, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in random_recognizer.model.state_dict().items()}
    other = causal_copy(random_recognizer, tmp_path / "adapter.safetensors")
    made = make_causal(random_recognizer, tmp_path / "adapter.safetensors")
    for name, value in random_recognizer.model.state_dict().items():
        assert torch.equal(value, before[name])
    changed = [n for n, v in made.model.state_dict().items() if not torch.equal(v, before[n])]
    assert len(changed) == other


def causal_copy(recognizer: WhisperModel, file: Path) -> int:
    """Write an adapter of random numbers to `file`; return how many layers it changes."""
    model = Whisper(recognizer.model.config)
    model.load_state_dict(recognizer.model.state_dict(), assign=True)
    rng = torch.Generator().manual_seed(1)
    adapter = lora.attach(model.projections(), rank=2, alpha=2, rng=rng)
    for parameter in adapter.values():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(2))
    lora.save(adapter, file, {})
    return len(adapter) // 2


def test_a_model_without_adapters_is_refused_with_those_that_have_them(
    tiny_en: WhisperModel,
) -> None:
    assert adapter_file("tiny.en").is_file()
    assert adapted_models() == ("base", "tiny.en")
    with pytest.raises(WeightsError, match=r"huge has no causal adapter.*tiny\.en"):
        make_causal(replace(tiny_en, name="huge"))


def test_a_file_that_is_no_published_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a CarelessWhisper checkpoint"):
        load_carelesswhisper(tmp_path / "nothing.pt", tmp_path)


@pytest.fixture(scope="module")
def streamed(tiny_en: WhisperModel, concord: Clip) -> list[TranscriptUpdate]:
    model = CausalStream(make_causal(tiny_en), CausalStreamConfig(chunk=CHUNK_FRAMES[1000]))
    return list(run(model, np.array_split(concord.samples, 20)))


def test_real_speech_is_written_while_it_is_spoken(
    streamed: list[TranscriptUpdate], concord: Clip
) -> None:
    words = [word for heard in streamed for word in heard.committed]
    # The small model with few hours of training mishears a word of ten here and there.
    assert wer(concord, words) <= 0.3
    assert in_order(words, len(concord.samples))
    assert any(heard.committed for heard in streamed[:-1])


@pytest.mark.slow
def test_word_times_are_finer_than_the_chunk(
    tiny_en: WhisperModel,
    detector: SileroVad,
    streamed: list[TranscriptUpdate],
    concord: Clip,
) -> None:
    """Against the offline aligner: half of the places are within 0.15 s, and a chunk is 1 s."""
    words = [word for heard in streamed for word in heard.committed]
    final = WhisperFinalPass(tiny_en, detector)
    placed = {word.text.lower(): word for word in final.transcribe(concord.samples)}
    errors = [
        abs(one - two) / RATE
        for word in words
        if (other := placed.get(word.text.lower()))
        for one, two in ((word.start, other.start), (word.end, other.end))
    ]
    assert len(errors) >= 8
    assert np.median(errors) <= 0.15
