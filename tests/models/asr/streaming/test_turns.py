"""No sentence of a turn is lost: however long they are, and at whatever pace they arrive."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.asr.ancat.loading import load_shipped
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.speech_activity import detect_speech
from models.asr.streaming.causal_loading import make_causal
from models.asr.streaming.causal_stream import CausalStream
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import SileroVad
from models.asr.whisper.alignment import FRAME
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, join_words
from models.speech.hibari import HibariSynthesizer
from tests.models.asr.conftest import read_clip
from tests.models.asr.turns import (
    ARRIVALS,
    NamedClip,
    Recognizer,
    Samples,
    drawn,
    joined,
    lost_in_a_row,
)
from tests.paths import SPEECH

SENTENCE = 3  # words in a row, from which it is no single error of a model


def clip(name: str) -> NamedClip:
    found = read_clip(f"{name}.flac")
    return name, found.text, found.samples


@pytest.fixture(scope="module")
def clips() -> list[NamedClip]:
    rows = (SPEECH / "manifest.jsonl").read_text().splitlines()
    return [clip(json.loads(row)["path"].removesuffix(".flac")) for row in rows]


@pytest.fixture(scope="module")
def recognizers(
    tiny_en: WhisperModel, detector: SileroVad, weights_folder: Path
) -> dict[str, Recognizer]:
    return {
        "local agreement": LocalAgreement(tiny_en, detector),
        "causal": CausalStream(make_causal(tiny_en)),
        "ancat": load_shipped(weights_folder),
    }


@pytest.mark.slow
@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize(
    "names",
    [
        ("LJ001-0002", "ps-something"),  # Whisper stops after the first sentence
        ("LJ001-0002", "ps-card-002"),
        ("LJ001-0002", "ps-something", "mfa-61-70968-0000"),
    ],
)
def test_a_short_sentence_after_a_short_pause_is_kept(
    names: tuple[str, ...], arrival: str, tiny_en: WhisperModel, detector: SileroVad
) -> None:
    turn = joined([clip(name) for name in names], pause=0.2)
    words = ARRIVALS[arrival](LocalAgreement(tiny_en, detector), turn.samples)
    assert lost_in_a_row(turn.text, words) < SENTENCE, join_words(words)
    assert all(one.end <= two.start for one, two in pairwise(words))
    assert words[-1].end <= len(turn.samples)


@pytest.mark.slow
def test_a_sentence_between_two_others_is_not_skipped(
    tiny_en: WhisperModel, detector: SileroVad
) -> None:
    names = ("LJ001-0006", "ls-6930-75918-0000", "ast-conf-now-recording")
    turn = joined([clip(name) for name in names], pause=0.3)
    words = ARRIVALS["one burst"](LocalAgreement(tiny_en, detector), turn.samples)
    assert lost_in_a_row(turn.text, words) < SENTENCE, join_words(words)


@pytest.mark.slow
def test_no_recognizer_loses_a_sentence_of_a_turn(
    clips: list[NamedClip],
    recognizers: dict[str, Recognizer],
    tiny_en: WhisperModel,
    detector: SileroVad,
) -> None:
    (turn,) = drawn(clips, 1, seed=1)
    assert (
        lost_in_a_row(turn.text, WhisperFinalPass(tiny_en, detector).transcribe(turn.samples))
        < SENTENCE
    )
    for name, recognizer in recognizers.items():
        for arrival, recognize in ARRIVALS.items():
            words = recognize(recognizer, turn.samples)
            text = join_words(words)
            assert lost_in_a_row(turn.text, words) < SENTENCE, (turn.name, name, arrival, text)


@pytest.mark.slow
def test_a_burst_longer_than_a_window_is_heard_to_its_end(
    tiny_en: WhisperModel, detector: SileroVad
) -> None:
    turn = joined([clip(name) for name in ("jfk", "LJ001-0007", "jfk", "ps-something")], 0.45)
    words = ARRIVALS["one burst"](LocalAgreement(tiny_en, detector), turn.samples)
    assert turn.seconds > tiny_en.config.audio_context * FRAME / RATE
    assert lost_in_a_row(turn.text, words) < SENTENCE, join_words(words)


@pytest.mark.slow
def test_the_rest_of_a_word_before_silence_is_no_other_word(
    tiny_en: WhisperModel, detector: SileroVad
) -> None:
    _, text, samples = clip("ps-card-002")
    silence = np.zeros(4 * RATE, np.float32)
    words = ARRIVALS["at pace"](
        LocalAgreement(tiny_en, detector), np.concatenate([samples, silence])
    )
    assert len(words) <= len(text.split()) + 1, join_words(words)  # one for a period by itself


@pytest.fixture(scope="module")
def no(detector: SileroVad) -> Samples:
    """The word "No" and a tenth of a second of silence."""
    synthesizer = HibariSynthesizer()
    spoken = synthesizer.synthesize("No.")
    times = np.arange(0, len(spoken), synthesizer.rate / RATE)
    sound = np.interp(times, np.arange(len(spoken)), spoken).astype(np.float32)
    ((start, end),) = detect_speech(detector, sound)
    return np.concatenate([sound[start:end], np.zeros(RATE // 10, np.float32)])


@pytest.mark.slow
def test_a_word_is_written_as_often_as_it_is_said(
    recognizers: dict[str, Recognizer], no: Samples
) -> None:
    """Loops of Whisper are dropped, and tiny.en alone says this one without end."""
    words = ARRIVALS["one burst"](recognizers["local agreement"], np.tile(no, 7))
    found = [text for text in re.findall(r"\w+", join_words(words).lower()) if text == "no"]
    assert 7 <= len(found) <= 10, join_words(words)


@pytest.mark.slow
def test_many_repetitions_are_not_taken_for_a_loop(
    tiny_en: WhisperModel, detector: SileroVad, no: Samples
) -> None:
    """They compress as well as a loop does, for which a decoder samples other words."""
    words = WhisperFinalPass(tiny_en, detector).transcribe(np.tile(no, 12))
    found = re.findall(r"\w+", join_words(words).lower())
    assert set(found) == {"no"}, join_words(words)
    assert 12 <= len(found) <= 15, join_words(words)
