import itertools
from collections.abc import Sequence
from dataclasses import replace

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from models.asr.offline.speech_audio import SpeechAudio
from models.asr.offline.transcription import transcribe, transcribe_windows
from models.asr.speech_activity import Region, Samples, total
from models.asr.vad import SileroVad
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, RecognizedWord, join_words
from tests.media.pipeline.scripted import LoudnessDetector
from tests.models.asr.conftest import Clip

# Ticks of 20 ms: the lengths of words, and of the pauses after them.
layouts = st.lists(
    st.tuples(st.integers(10, 40), st.sampled_from([0, 0, 0, 2, 12, 60, 300, 4000])),
    min_size=1,
    max_size=25,
)
TICK = RATE // 50


def wer(clip: Clip, words: list[RecognizedWord]) -> float:
    normalize = EnglishTextNormalizer()
    return float(jiwer.wer(normalize(clip.text), normalize(join_words(words))))


def in_order(words: list[RecognizedWord], limit: int) -> bool:
    places = [place for word in words for place in (word.start, word.end)]
    return places == sorted(places) and places[0] >= 0 and places[-1] <= limit


def spoken(layout: list[tuple[int, int]]) -> tuple[Samples, list[RecognizedWord]]:
    """Return sound in which word n has the level 0.1 + n / 1000, and the words."""
    sound, words, place = [np.zeros(TICK * 5, np.float32)], list[RecognizedWord](), TICK * 5
    for number, (length, pause) in enumerate(layout):
        words.append(RecognizedWord(f" {chr(97 + number)}", place, place + length * TICK))
        sound += [
            np.full(length * TICK, 0.1 + number / 1000, np.float32),
            np.zeros(pause * TICK, np.float32),
        ]
        place += (length + pause) * TICK
    return np.concatenate(sound), words


def hear(samples: Samples, speech: Sequence[Region], prompt: str = "") -> list[RecognizedWord]:
    """Recognize the words of `spoken`; the beginning or the end of a word sounds like another."""
    del speech, prompt
    levels = np.rint((samples - 0.1) * 1000).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    words = []
    for first, last in itertools.pairwise(edges):
        if levels[first] >= 0:
            whole = last - first >= 10 * TICK
            words.append(
                RecognizedWord(f" {chr(97 + levels[first])}" if whole else " uh", first, last)
            )
    return words


@given(layout=layouts, max_window=st.integers(3 * RATE, 9 * RATE), chunk=st.integers(500, 90_000))
@hypothesis_settings(max_examples=60)
def test_no_word_is_lost_or_doubled_wherever_windows_join(
    layout: list[tuple[int, int]], max_window: int, chunk: int
) -> None:
    samples, words = spoken(layout)
    chunks = np.split(samples, range(chunk, len(samples), chunk))
    audio = SpeechAudio(LoudnessDetector(), iter(chunks))
    parts = list(transcribe_windows(hear, audio, max_window=max_window))
    found = [word for part in parts for word in part.words]
    assert [word.text for word in found] == [word.text for word in words]
    for one, other in zip(found, words, strict=True):
        assert abs(one.start - other.start) <= RATE // 50
        assert abs(one.end - other.end) <= RATE // 50
    ends = [part.end for part in parts]
    assert ends == sorted(ends)
    assert ends[-1] == len(samples)


def test_a_long_recording_is_read_as_it_is_needed() -> None:
    read = 0

    def hours() -> Samples:
        nonlocal read
        read += RATE * 10
        return np.zeros(RATE * 10, np.float32)

    audio = SpeechAudio(LoudnessDetector(), (hours() for _ in range(1440)))
    held = [(part.end, audio.held) for part in transcribe_windows(hear, audio)]
    assert held[-1][0] == read == 4 * 3600 * RATE
    assert max(count for _, count in held) < 60 * RATE


def test_an_address_may_have_pauses_in_it() -> None:
    samples, words = spoken([(20, 30)] * 4)

    def address(samples: Samples, speech: Sequence[Region], prompt: str) -> list[RecognizedWord]:
        return [
            replace(word, text=" www.example.org") for word in hear(samples, speech, prompt)[:1]
        ]

    audio = SpeechAudio(LoudnessDetector(), iter([samples]))
    found = [word for part in transcribe_windows(address, audio) for word in part.words]
    assert [word.start for word in found] == [words[0].start]


@given(skipped=st.integers(0, 5))
def test_a_sentence_that_the_model_skips_is_transcribed_by_itself(skipped: int) -> None:
    samples, words = spoken([(20, 30)] * 6)

    def forgetful(samples: Samples, speech: Sequence[Region], prompt: str) -> list[RecognizedWord]:
        found = hear(samples, speech, prompt)
        return found[:skipped] + found[skipped + 1 :] if len(found) == 6 else found

    audio = SpeechAudio(LoudnessDetector(), iter([samples]))
    found = [word for part in transcribe_windows(forgetful, audio) for word in part.words]
    assert [word.text for word in found] == [word.text for word in words]


def test_breath_beside_words_gives_none() -> None:
    samples, words = spoken([(20, 30), (20, 30)])

    def inventing(samples: Samples, speech: Sequence[Region], prompt: str) -> list[RecognizedWord]:
        found = hear(samples, speech, prompt)
        alone = [replace(word, text=" Thank you.", probability=0.4) for word in found]
        return found[:1] if len(found) == 2 else alone

    audio = SpeechAudio(LoudnessDetector(), iter([samples]))
    found = [word for part in transcribe_windows(inventing, audio) for word in part.words]
    assert [word.text for word in found] == [words[0].text]


def test_speech_that_holds_no_words_for_the_model_ends_the_search() -> None:
    samples, _ = spoken([(50, 30)] * 3)
    asked: list[int] = []

    def deaf(samples: Samples, speech: Sequence[Region], prompt: str) -> list[RecognizedWord]:
        asked.append(total(speech))
        return []

    audio = SpeechAudio(LoudnessDetector(), iter([samples]))
    assert all(not part.words for part in transcribe_windows(deaf, audio))
    assert len(asked) == 1


@pytest.mark.slow
def test_a_real_clip_is_transcribed_with_words_in_their_places(
    tiny_en: WhisperModel, detector: SileroVad, concord: Clip
) -> None:
    words = transcribe(tiny_en, detector, concord.samples)
    assert wer(concord, words) == 0
    assert in_order(words, len(concord.samples))
    # Where faster-whisper 1.2.1 puts them with the same weights, give or take 0.25 s.
    assert words[0].start / RATE == pytest.approx(0.42, abs=0.25)
    assert words[-1].end / RATE == pytest.approx(3.26, abs=0.25)


@pytest.mark.slow
def test_a_recording_longer_than_a_window_is_transcribed_whole(
    tiny_en: WhisperModel, detector: SileroVad, jfk: Clip
) -> None:
    pause = np.zeros(RATE, np.float32)
    long = np.concatenate([jfk.samples, pause, jfk.samples, pause, jfk.samples])  # 35 s
    words = transcribe(tiny_en, detector, long, config=DecodeConfig(beam=1))
    assert wer(Clip(" ".join([jfk.text] * 3), long), words) <= 0.05
    assert in_order(words, len(long))


# Where pocketsphinx's forced alignment puts the words of jfk.flac, in seconds.
JFK_STARTS = [
    0.29, 0.63, 0.97, 1.24, 1.63, 3.25, 3.99, 5.37, 5.61, 5.86, 6.42, 6.66, 6.91, 7.05, 8.15, 8.53,
    8.82, 9.2, 9.37, 9.63, 9.78, 9.99,
]  # fmt: skip


@pytest.mark.slow
def test_words_after_pauses_start_where_they_are_spoken_and_silence_has_none(
    tiny_en: WhisperModel, detector: SileroVad, jfk: Clip
) -> None:
    noise = np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32) * 2e-4
    words = transcribe(
        tiny_en, detector, np.concatenate([noise[: 3 * RATE], jfk.samples, noise[: 2 * RATE]])
    )
    assert wer(jfk, words) == 0
    errors = [
        abs(word.start / RATE - 3 - start) for word, start in zip(words, JFK_STARTS, strict=True)
    ]
    assert max(errors[n] for n in (0, 5, 7, 14)) <= 0.2  # the first words after pauses
    assert np.percentile(errors, 90) <= 0.2
    assert max(errors) <= 0.4  # tiny.en hears the beginning of "my" late


def music(rate: int = RATE) -> Samples:
    time = np.arange(8 * rate) / rate
    notes = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4, 0, 5])[(2 * time).astype(int) % 8] / 12)
    sound = np.sum([np.sin(2 * np.pi * notes * n * time) / n for n in (1, 2, 3, 4)], axis=0)
    return np.asarray(0.2 * sound * np.exp(-4 * (time % 0.5)), np.float32)


def digits(rate: int = RATE) -> Samples:
    time = np.arange(rate // 10) / rate
    tones = [(697, 1209), (770, 1336), (852, 1477), (941, 1336)] * 8
    pairs = [sum(np.sin(2 * np.pi * f * time) for f in pair) * 0.3 for pair in tones]
    return np.concatenate([np.pad(pair, (0, len(time))) for pair in pairs]).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.05, 0.5, 20])
@pytest.mark.parametrize("level", [0.0, 1e-3, 0.1])
def test_silence_and_noise_hold_no_words(
    tiny_en: WhisperModel, detector: SileroVad, seconds: float, level: float
) -> None:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE)) * level
    assert transcribe(tiny_en, detector, noise.astype(np.float32)) == []


@pytest.mark.parametrize("sound", [music(), digits()], ids=["music", "dialled digits"])
def test_music_and_tones_hold_no_words(
    tiny_en: WhisperModel, detector: SileroVad, sound: Samples
) -> None:
    assert transcribe(tiny_en, detector, sound) == []


@pytest.mark.slow
@pytest.mark.parametrize("until", [1.85, 4.4])
def test_a_cut_in_a_word_invents_no_sentence(
    tiny_en: WhisperModel, detector: SileroVad, jfk: Clip, until: float
) -> None:
    cut = np.concatenate([jfk.samples[: round(until * RATE)], np.zeros(2 * RATE, np.float32)])
    words = transcribe(tiny_en, detector, cut)
    assert "thank" not in join_words(words).lower()
    assert len(words) <= 2 + sum(start < until for start in JFK_STARTS)  # pieces of the cut word
    assert in_order(words, round((until + 0.1) * RATE))


def test_sound_that_is_not_mono_is_refused(tiny_en: WhisperModel, detector: SileroVad) -> None:
    with pytest.raises(ValueError, match=r"expected mono samples \(n,\), got \(2, 100\)"):
        transcribe(tiny_en, detector, np.zeros((2, 100), np.float32))


def test_no_sound_holds_no_words(tiny_en: WhisperModel, detector: SileroVad) -> None:
    assert transcribe(tiny_en, detector, np.zeros(0, np.float32)) == []
