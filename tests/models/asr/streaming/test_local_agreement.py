import copy
from dataclasses import replace

import jiwer
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from models.asr.speech_activity import FRAME
from models.asr.streaming.agreement_window import LocalAgreementConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, TranscriptUpdate, join_words
from models.streaming import run
from tests.models.asr.conftest import Clip

SOUND = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32) * 0.1
QUICK = LocalAgreementConfig(interval=0.5, trim=1.2, max_token_rate=3.0, no_speech=1.0)


class Talkative:
    """Takes every frame for speech."""

    def init_state(self) -> int:
        return 0

    def step(self, state: int, chunk: Samples) -> tuple[int, list[float]]:
        return 0, [1.0] * (len(chunk) // FRAME)


@pytest.fixture(scope="module")
def quick(random_recognizer: WhisperModel) -> LocalAgreement:
    return LocalAgreement(random_recognizer, Talkative(), QUICK)


@pytest.fixture(scope="module")
def whole(quick: LocalAgreement) -> list[TranscriptUpdate]:
    return list(run(quick, [SOUND]))


def test_an_untrained_network_says_enough_to_test_with(whole: list[TranscriptUpdate]) -> None:
    assert any(updates.committed for updates in whole[:-1])
    assert [updates.position for updates in whole] == [*range(8000, 48001, 8000), 48000]


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=8).map(sorted))
@example(cuts=[16_000])  # sound beyond the place that is listened to must not count
@settings(max_examples=8)
def test_any_chunking_gives_the_same_words(
    cuts: list[int], quick: LocalAgreement, whole: list[TranscriptUpdate]
) -> None:
    assert list(run(quick, np.split(SOUND, cuts))) == whole


def test_later_sound_never_changes_earlier_words(
    quick: LocalAgreement, whole: list[TranscriptUpdate]
) -> None:
    other = np.concatenate([SOUND[:24_000], -SOUND[:24_000]])
    state, first = quick.step(quick.init_state(), other)
    assert first[:3] == whole[:3]
    assert state.end == len(other)


def test_a_copied_state_goes_on_the_same(
    quick: LocalAgreement, whole: list[TranscriptUpdate]
) -> None:
    state, first = quick.step(quick.init_state(), SOUND[:20_000])
    resumed = copy.deepcopy(state)
    quick.step(state, -SOUND)
    resumed, second = quick.step(resumed, SOUND[20_000:])
    assert [*first, *second, *quick.flush(resumed)] == whole


@pytest.mark.parametrize("max_token_rate", [0.0, 3.0])
def test_the_sound_that_is_kept_stays_bounded(
    max_token_rate: float, random_recognizer: WhisperModel
) -> None:
    config = replace(
        QUICK, max_token_rate=max_token_rate
    )  # at rate 0 transcripts are short, and rarely agree
    recognizer = LocalAgreement(random_recognizer, Talkative(), config)
    state = recognizer.init_state()
    for seed in range(8):
        noise = np.random.default_rng(seed).standard_normal(RATE).astype(np.float32)
        state, _ = recognizer.step(state, noise)
        assert len(state.sound) <= (2 * config.trim + config.interval) * RATE
        assert len(state.context) <= 448


def test_skipping_interim_updates_transcribes_once(
    quick: LocalAgreement,
) -> None:
    state, updates = quick.step(quick.init_state(), SOUND[:30_000], skip_interim=True)
    assert [update.position for update in updates] == [24_000]
    state, updates = quick.step(state, SOUND[30_000:31_000], skip_interim=True)
    assert updates == []


def test_places_count_from_where_the_stream_began(
    quick: LocalAgreement, whole: list[TranscriptUpdate]
) -> None:
    state, updates = quick.step(quick.init_state(start=5000), SOUND)
    moved = [
        replace(update, position=update.position + 5000, committed=(), tentative=())
        for update in whole
    ]
    assert [update.position for update in updates] == [update.position for update in moved[:-1]]
    first = next(word for update in whole for word in update.committed)
    again = next(word for update in updates for word in update.committed)
    assert (again.start, again.end) == (first.start + 5000, first.end + 5000)
    assert state.start >= 5000


def test_an_empty_stream_holds_no_words(quick: LocalAgreement) -> None:
    assert [join_words(updates.committed) for updates in run(quick, [])] == [""]


@pytest.mark.slow
def test_real_speech_is_committed_while_it_is_spoken(
    tiny_en: WhisperModel, detector: SileroVad, jfk: Clip
) -> None:
    recognizer = LocalAgreement(tiny_en, detector)
    updates = list(run(recognizer, np.array_split(jfk.samples, 40)))
    words = [word for update in updates for word in update.committed]
    normalize = EnglishTextNormalizer()
    assert jiwer.wer(normalize(jfk.text), normalize(join_words(words))) <= 0.1
    places = [place for word in words for place in (word.start, word.end)]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= len(jfk.samples)
    assert len([w for update in updates[:-1] for w in update.committed]) > 0.8 * len(words)
    assert updates[-1].tentative == ()
    for update in updates:
        assert all(word.end <= update.position for word in update.committed)


@pytest.mark.slow
def test_after_a_silence_the_words_are_committed_and_their_sound_is_gone(
    tiny_en: WhisperModel, detector: SileroVad, concord: Clip
) -> None:
    recognizer = LocalAgreement(tiny_en, detector)
    pause = np.zeros(4 * RATE, np.float32)
    state, updates = recognizer.step(
        recognizer.init_state(), np.concatenate([concord.samples, pause])
    )
    words = [word for update in updates for word in update.committed]
    assert join_words(words).upper() == concord.text + "."
    assert words[-1].end <= state.start <= len(concord.samples) + RATE
    assert not state.committed


@pytest.mark.slow
@pytest.mark.parametrize("loudness", [0.0, 0.005, 0.1])
def test_silence_and_noise_hold_no_words(
    loudness: float, tiny_en: WhisperModel, detector: SileroVad
) -> None:
    noise = np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32) * loudness
    updates = list(run(LocalAgreement(tiny_en, detector), [noise]))
    assert [join_words(update.committed) for update in updates] == [""] * 5
