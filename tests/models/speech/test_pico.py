import numpy as np
import pytest

from models.speech.pico import VOICES, installed_voices


def test_there_is_a_voice_of_each_language_if_the_package_is_installed() -> None:
    pytest.importorskip("py_nanotts")
    voices = installed_voices()
    assert voices.keys() == VOICES.keys()
    for voice in voices.values():
        samples = voice.synthesize("Eins, due, trois.")
        assert samples.dtype == np.float32
        assert len(samples) > voice.rate / 2
        assert 0.05 < np.abs(samples).max() <= 1
        assert len(voice.synthesize(" ")) == 0
