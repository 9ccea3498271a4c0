import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from models.asr.streaming.offline import transcribe
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, RecognizedWord, join_words
from tests.models.asr.conftest import Clip


def wer(clip: Clip, words: list[RecognizedWord]) -> float:
    normalize = EnglishTextNormalizer()
    return float(jiwer.wer(normalize(clip.text), normalize(join_words(words))))


def in_order(words: list[RecognizedWord], limit: int) -> bool:
    places = [place for word in words for place in (word.start, word.end)]
    return places == sorted(places) and places[0] >= 0 and places[-1] <= limit


@pytest.mark.slow
def test_a_real_clip_is_transcribed_with_words_in_their_places(
    tiny_en: WhisperModel, concord: Clip
) -> None:
    words = transcribe(tiny_en, concord.samples)
    assert wer(concord, words) == 0
    assert in_order(words, len(concord.samples))
    # Where faster-whisper 1.2.1 puts them with the same weights, give or take 0.25 s.
    assert words[0].start / RATE == pytest.approx(0.42, abs=0.25)
    assert words[-1].end / RATE == pytest.approx(3.26, abs=0.25)


@pytest.mark.slow
def test_a_recording_longer_than_a_window_is_transcribed_whole(
    tiny_en: WhisperModel, jfk: Clip
) -> None:
    pause = np.zeros(RATE, np.float32)
    long = np.concatenate([jfk.samples, pause, jfk.samples, pause, jfk.samples])  # 35 s
    done: list[tuple[int, int]] = []
    words = transcribe(tiny_en, long, beam=1, progress=lambda *at: done.append(at))
    assert wer(Clip(" ".join([jfk.text] * 3), long), words) <= 0.1
    assert in_order(words, len(long))
    assert done == sorted(done)
    assert len(done) > 1
    assert done[-1] == (len(long), len(long))


def test_sound_that_is_not_mono_is_refused(tiny_en: WhisperModel) -> None:
    with pytest.raises(ValueError, match=r"expected mono samples \(n,\), got \(2, 100\)"):
        transcribe(tiny_en, np.zeros((2, 100), np.float32))


def test_no_sound_holds_no_words(tiny_en: WhisperModel) -> None:
    assert transcribe(tiny_en, np.zeros(0, np.float32)) == []
