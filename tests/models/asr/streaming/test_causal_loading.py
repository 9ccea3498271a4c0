from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import lora
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.streaming.causal_loading import (
    CHUNK_FRAMES,
    adapted_models,
    adapter_file,
    load_carelesswhisper,
    make_causal,
)
from models.asr.streaming.causal_sound import CausalSoundEncoder
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, TranscriptUpdate
from models.errors import WeightsError
from models.streaming import run
from tests.models.asr import whisper_reference as reference
from tests.models.asr.conftest import Clip
from tests.models.asr.offline.test_transcription import in_order, wer
from tests.models.asr.tiny import tiny_causal


def test_an_adapter_changes_the_causal_model_and_not_the_offline_one(
    random_recognizer: WhisperModel, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter.safetensors"
    causal_copy(random_recognizer, adapter)
    made = make_causal(random_recognizer, adapter=adapter)
    plain = tiny_causal(random_recognizer)
    mel = torch.randn(80, 200, generator=torch.Generator().manual_seed(3))
    opening = random_recognizer.tokenizer.opening(None, timestamps=False)
    scores = []
    for model in (made, plain):
        encoder = CausalSoundEncoder(model.config, model.encoder, BlockSizes(chunk=40))
        _, (sound, *_) = encoder.step(encoder.init_state(), mel)
        scores.append(model.decoder.decode(opening, model.decoder.open(sound)).logits)
    assert not torch.allclose(scores[0], scores[1])
    sound = random_recognizer.encoder.encode(mel)
    read = random_recognizer.decoder.decode(opening, random_recognizer.decoder.open(sound))
    network = random_recognizer.checkpoint.build()
    expected = reference.logits(network, opening, reference.encode(network, mel))
    # float32 sums in another order
    torch.testing.assert_close(read.logits, expected[-1:], rtol=0, atol=1e-4)


def causal_copy(recognizer: WhisperModel, file: Path) -> None:
    """Write an adapter of random numbers to `file`."""
    model = recognizer.checkpoint.build()
    rng = torch.Generator().manual_seed(1)
    adapter = lora.attach(model.projections(), rank=2, alpha=2, rng=rng)
    for parameter in adapter.values():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(2))
    lora.save(adapter, file, {})


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
