from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.speech_activity import FRAME
from models.asr.vad import SileroVad
from models.asr.words import RATE
from models.errors import WeightsError
from models.streaming import run
from tests.models.asr.conftest import Clip


@pytest.fixture(scope="module")
def vad(silero: Path) -> SileroVad:
    return SileroVad(silero)


def test_speech_is_distinguished_from_silence_and_a_tone(vad: SileroVad, jfk: Clip) -> None:
    speech = list(run(vad, [jfk.samples]))
    assert len(speech) == len(jfk.samples) // FRAME
    assert np.median(speech) > 0.9
    times = np.arange(2 * RATE) / RATE
    tone = (0.37 * np.sin(2 * np.pi * 220 * times) * (times > 0.5)).astype(np.float32)
    assert max(run(vad, [tone])) < 0.3


@given(cuts=st.lists(st.integers(0, 8000), max_size=10).map(sorted))
@settings(max_examples=20)
def test_any_chunking_gives_the_same_probabilities(
    cuts: list[int], vad: SileroVad, jfk: Clip
) -> None:
    sound = jfk.samples[8000:16000]
    assert list(run(vad, np.split(sound, cuts))) == list(run(vad, [sound]))


def test_two_streams_of_one_detector_do_not_meet(vad: SileroVad, jfk: Clip) -> None:
    alone = list(run(vad, [jfk.samples[:8000]]))
    mine, other = vad.init_state(), vad.init_state()
    mixed = []
    for start in range(0, 8000, 800):
        mine, found = vad.step(mine, jfk.samples[start : start + 800])
        other, _ = vad.step(other, jfk.samples[start + 30_000 : start + 30_800])
        mixed += found
    assert mixed == alone


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "silero_vad.onnx").write_bytes(b"text")
    with pytest.raises(WeightsError, match="fetch silero-vad again"):
        SileroVad(tmp_path / "silero_vad.onnx")


@given(
    cuts=st.lists(st.lists(st.integers(0, 6000), max_size=3).map(sorted), min_size=2, max_size=4)
)
@settings(max_examples=20)
def test_streams_in_a_batch_get_what_each_gets_alone(
    cuts: list[list[int]], vad: SileroVad, jfk: Clip
) -> None:
    sounds = [jfk.samples[8000 * n : 8000 * n + 6000] for n in range(len(cuts))]
    waiting = [np.split(sound, where) for sound, where in zip(sounds, cuts, strict=True)]
    states, found = [vad.init_state() for _ in sounds], [list[float]() for _ in sounds]
    while rows := [row for row, parts in enumerate(waiting) if parts]:
        chunks = [waiting[row].pop(0) for row in rows]
        made = vad.step_many([states[row] for row in rows], chunks)
        for row, (state, probabilities) in zip(rows, made, strict=True):
            states[row] = state
            found[row] += probabilities
    assert found == [list(run(vad, [sound])) for sound in sounds]
