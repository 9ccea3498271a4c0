from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.languages import live_translation
from models.asr.languages.live_translation import EnglishText, LiveTranslation
from models.asr.languages.multilingual import Multilingual
from models.asr.speech_activity import FRAME, Samples
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, join_words
from tests.models.asr.conftest import Clip

SOUND = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32) * 0.1


class Talkative:
    """Takes every frame for speech, but a pause of silent ones."""

    def init_state(self) -> int:
        return 0

    def step(self, state: int, chunk: Samples) -> tuple[int, list[float]]:
        frames = chunk[: len(chunk) // FRAME * FRAME].reshape(-1, FRAME)
        return 0, [float(np.abs(frame).max() > 0) for frame in frames]


@pytest.fixture(scope="module")
def translator(random_multilingual: WhisperModel) -> LiveTranslation:
    return LiveTranslation(random_multilingual, Talkative(), "de")


def test_an_english_model_translates_nothing(random_recognizer: WhisperModel) -> None:
    with pytest.raises(ValueError, match="English only"):
        LiveTranslation(random_recognizer, Talkative(), "en")


@settings(max_examples=5)
@given(cuts=st.lists(st.integers(0, len(SOUND)), min_size=1, max_size=4).map(sorted))
def test_what_is_stable_stays_until_the_end(cuts: list[int], translator: LiveTranslation) -> None:
    state, stable = translator.init_state(), ""
    for part in np.split(SOUND, cuts):
        state, (now,) = translator.step(state, part)
        assert now.stable.startswith(stable)
        stable = now.stable


def test_a_copied_state_goes_on_the_same(translator: LiveTranslation) -> None:
    state, _ = translator.step(translator.init_state(), SOUND[:RATE])
    kept = replace(state, sound=state.sound.copy())
    first = translator.step(state, SOUND[RATE:])[1]
    assert translator.step(kept, SOUND[RATE:])[1] == first


def test_the_final_translation_is_that_of_the_whole_sound(translator: LiveTranslation) -> None:
    state = translator.init_state()
    for part in np.split(SOUND, 4):
        state, _ = translator.step(state, part)
    assert translator.flush(state) == translator.flush(translator.init_state(), SOUND)


def test_a_long_turn_is_settled_before_its_last_pause(
    translator: LiveTranslation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_translation, "LONGEST_PIECE", 3 * RATE)
    monkeypatch.setattr(live_translation, "SHORTEST_PIECE", RATE)
    sound = SOUND.copy()
    sound[2 * RATE : round(2.5 * RATE)] = 0
    state, (now,) = translator.step(translator.init_state(), sound)
    assert len(state.sound) == pytest.approx(len(sound) - 2.25 * RATE, abs=2 * FRAME)
    assert now.stable.startswith(state.settled)
    alone = translator.step(translator.init_state(), sound[: len(sound) - len(state.sound)])[1][0]
    assert state.settled.startswith(alone.stable + alone.tentative)


def test_silence_says_nothing(translator: LiveTranslation) -> None:
    assert translator.flush(translator.init_state()) == (EnglishText("", ""),)


@pytest.mark.slow
@pytest.mark.parametrize(("code", "said"), [("es", "conference"), ("fr", "understand")])
def test_real_weights_detect_transcribe_and_translate(
    base: Multilingual, clips: dict[str, Clip], code: str, said: str
) -> None:
    clip = clips[code]
    found = base.detector.detect(clip.samples)
    assert found.code == code
    assert found.probability > 0.8
    final, translator = base.final_pass(code), base.translator(code)
    assert final is not None
    assert join_words(final.transcribe(clip.samples)) == clip.text
    (english,) = translator.flush(translator.init_state(), clip.samples)
    assert said in english.text
