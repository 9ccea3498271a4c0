from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.speech_activity import FRAME
from models.speakers.clustering import Voices, speakers_at
from models.speakers.tracker import SpeakerTracker
from models.speakers.whole_file import FileVoices
from models.speakers.windows import VoiceChunk
from tests.models.speakers.made_up_voices import LevelEncoder, sound

TALK = [(1, 2.5), (0, 0.6), (2, 3.0), (0, 0.4), (1, 1.9), (0, 0.3), (3, 2.6), (0, 0.5), (2, 1.0)]
SAMPLES, PROBABILITIES = sound(TALK)
MIDDLES = [1.2, 4.5, 7.4, 10.0, 12.3]  # seconds of the five who speak


def tracked(cuts: list[int]) -> Voices:
    tracker = SpeakerTracker(LevelEncoder())
    state, known = tracker.init_state(), Voices()
    edges = [0, *cuts, len(SAMPLES)]
    for begin, end in pairwise(edges):
        heard = PROBABILITIES[begin // FRAME : end // FRAME]
        last = end == len(SAMPLES)
        state, changed = tracker.step(
            state, VoiceChunk(0, SAMPLES[begin:end], heard, last=last and begin < end)
        )
        known = changed[-1] if changed else known
    return known


def said_by(known: Voices) -> list[int]:
    return speakers_at(known, [round(time * 16_000) for time in MIDDLES])


def test_each_stretch_of_speech_is_its_speakers() -> None:
    assert said_by(tracked([])) == [1, 2, 1, 3, 2]


@given(cuts=st.lists(st.integers(0, len(SAMPLES) - 1), max_size=10).map(sorted))
@settings(max_examples=15)
def test_any_chunking_knows_the_same_when_all_is_heard(cuts: list[int]) -> None:
    known = tracked(cuts)
    assert said_by(known) == [1, 2, 1, 3, 2]
    assert len(known.recent) == len(tracked([]).recent)


def test_a_state_that_was_kept_goes_on_in_the_same_way() -> None:
    tracker = SpeakerTracker(LevelEncoder())
    half = len(SAMPLES) // 2 // FRAME * FRAME
    first = VoiceChunk(0, SAMPLES[:half], PROBABILITIES[: half // FRAME])
    rest = VoiceChunk(0, SAMPLES[half:], PROBABILITIES[half // FRAME :], last=True)
    kept, _ = tracker.step(tracker.init_state(), first)
    once, twice = (tracker.step(kept, rest)[1][-1] for _ in range(2))
    assert [v.speaker for v in once.recent] == [v.speaker for v in twice.recent]


def test_a_file_keeps_all_windows_and_labels_them_by_the_whole() -> None:
    voices = FileVoices(SpeakerTracker(LevelEncoder()))
    for begin in range(0, len(SAMPLES), 10 * FRAME):
        heard = PROBABILITIES[begin // FRAME : begin // FRAME + 10]
        voices.hear(SAMPLES[begin : begin + 10 * FRAME], heard)
    known = voices.voices()
    assert said_by(known) == [1, 2, 1, 3, 2]
    assert len(known.recent) == len(tracked([]).recent)


def test_silence_has_no_speaker() -> None:
    voices = FileVoices(SpeakerTracker(LevelEncoder()))
    voices.hear(np.zeros(16_000, np.float32), [0.0] * 31)
    assert speakers_at(voices.voices(), [100]) == [0]
