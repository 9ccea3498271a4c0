from itertools import pairwise

import jiwer
import numpy as np
import pytest

from models.asr.languages.detection import LanguageDetector
from models.asr.languages.multilingual import Multilingual
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, join_words
from models.streaming import run
from tests.models.asr.conftest import Clip
from tests.models.asr.languages.test_live_translation import Talkative

SOUND = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1


def agreement(model: Multilingual, code: str) -> LocalAgreement:
    recognizer = model.recognizer(code)
    assert isinstance(recognizer, LocalAgreement)
    return recognizer


def test_only_the_languages_given_are_detected_and_their_chances_sum_to_one(
    random_multilingual: WhisperModel,
) -> None:
    all_of_them = tuple(random_multilingual.tokenizer.languages)
    best = LanguageDetector(random_multilingual, all_of_them).detect(SOUND)
    others = [code for code in all_of_them if code != best.code][:2]
    pair = LanguageDetector(random_multilingual, others).detect(SOUND)
    assert pair.code in others
    assert 0.5 <= pair.probability <= 1
    alone = LanguageDetector(random_multilingual, others[:1]).detect(SOUND)
    assert (alone.code, alone.probability) == (others[0], 1.0)


def test_an_english_model_hears_english(random_recognizer: WhisperModel) -> None:
    found = LanguageDetector(random_recognizer, ("de", "fr")).detect(SOUND)
    assert (found.code, found.probability) == ("en", 1.0)


def test_an_english_model_is_not_multilingual(random_recognizer: WhisperModel) -> None:
    with pytest.raises(ValueError, match="English only"):
        Multilingual(random_recognizer, Talkative(), ("en", "de"))


def test_a_language_that_the_model_does_not_know_is_refused(
    random_multilingual: WhisperModel,
) -> None:
    model = Multilingual(random_multilingual, Talkative(), ("en", "de"))
    with pytest.raises(ValueError, match="no language 'xx'"):
        model.recognizer("xx")


def test_recognizers_of_two_languages_share_the_model_and_differ(
    random_multilingual: WhisperModel,
) -> None:
    model = Multilingual(random_multilingual, Talkative(), ("de", "zh"))
    texts = [
        [word.text for update in run(agreement(model, code), [SOUND]) for word in update.committed]
        for code in ("de", "zh", "de")
    ]
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.slow
@pytest.mark.parametrize("code", ["es", "fr"])
def test_a_stream_of_real_speech_is_captioned_in_its_language(
    base: Multilingual, clips: dict[str, Clip], code: str
) -> None:
    updates = run(agreement(base, code), np.array_split(clips[code].samples, 20))
    words = [word for update in updates for word in update.committed]
    # A stream hears each word without what follows: "a hora" for "ahora".
    assert jiwer.cer(clips[code].text, join_words(words)) < 0.05
    assert all(first.end <= second.start for first, second in pairwise(words))
