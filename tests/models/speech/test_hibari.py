import numpy as np
import pytest

from models.speech.hibari import HibariSynthesizer


@pytest.mark.slow
def test_a_sentence_sounds_the_same_each_time_and_within_full_scale() -> None:
    voice = HibariSynthesizer()
    first = voice.synthesize("I can see a cup on the table.")
    assert first.dtype == np.float32
    assert 1.0 < len(first) / voice.rate < 4.0
    assert 0.05 < np.abs(first).max() <= 1.0
    np.testing.assert_array_equal(voice.synthesize("I can see a cup on the table."), first)


@pytest.mark.slow
def test_text_that_cannot_be_spoken_is_silence() -> None:
    voice = HibariSynthesizer()
    for text in ("", "   ", "🙂", "...", "\n"):
        assert np.abs(voice.synthesize(text)).sum() < 1e4
