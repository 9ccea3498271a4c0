import numpy as np
import pytest

from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.windows import MAX_WINDOW
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, join_words
from tests.models.asr.conftest import Clip
from tests.models.asr.offline.test_transcription import in_order, wer


@pytest.fixture(scope="module")
def final(tiny_en: WhisperModel, detector: SileroVad) -> WhisperFinalPass:
    return WhisperFinalPass(tiny_en, detector)


@pytest.mark.slow
def test_a_turn_is_transcribed_with_words_in_their_places(
    final: WhisperFinalPass, concord: Clip
) -> None:
    words = final.transcribe(concord.samples)
    assert wer(concord, words) == 0
    assert in_order(words, len(concord.samples))
    # Where faster-whisper 1.2.1 puts them with the same weights, give or take 0.25 s.
    assert words[0].start / RATE == pytest.approx(0.42, abs=0.25)
    assert words[-1].end / RATE == pytest.approx(3.26, abs=0.25)


@pytest.mark.slow
def test_a_turn_longer_than_a_window_is_cut_where_it_is_quiet(
    final: WhisperFinalPass, jfk: Clip, concord: Clip
) -> None:
    pause = np.zeros(RATE, np.float32)
    clips = [jfk, concord, jfk, concord]
    long = np.concatenate([part for clip in clips for part in (clip.samples, pause)])  # 33 s
    words = final.transcribe(long)
    assert len(long) > MAX_WINDOW
    assert wer(Clip(" ".join(clip.text for clip in clips), long), words) <= 0.1
    assert in_order(words, len(long))


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 100, RATE])
def test_no_speech_has_no_words(final: WhisperFinalPass, length: int) -> None:
    assert join_words(final.transcribe(np.zeros(length, np.float32))) == ""


@pytest.mark.slow
def test_silence_after_the_last_word_adds_nothing(final: WhisperFinalPass, concord: Clip) -> None:
    hiss = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32) * 2e-4
    found = final.transcribe(np.concatenate([concord.samples, hiss]))
    assert wer(concord, found) == 0
