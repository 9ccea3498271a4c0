from collections.abc import Sequence

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.downmix import DownmixState, mono_from_av
from media.audio.pcm import channels_from_av
from media.audio.resampling import Samples
from tests.media.media_files import tone

HALF_POWER = 0.5**0.5
SPEECH = np.random.default_rng(3).normal(0, 0.1, 16_000).astype(np.float32)


def frame(channels: Sequence[Samples], layout: str) -> av.AudioFrame:
    packed = np.ascontiguousarray(np.stack(channels, axis=1).reshape(1, -1))
    made = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    made.sample_rate = 16_000
    return made


def mono(channels: Sequence[Samples], layout: str = "stereo", size: int = 1024) -> Samples:
    state, pieces = DownmixState(), []
    for start in range(0, len(channels[0]), size):
        part = frame([np.ascontiguousarray(c[start : start + size]) for c in channels], layout)
        state, samples = mono_from_av(state, part)
        pieces.append(samples)
    return np.concatenate(pieces)


@pytest.mark.parametrize("layout", ["3.0", "4.0", "5.0", "5.1", "5.1(side)", "7.1", "7.1(wide)"])
def test_the_loudspeakers_of_surround_are_as_loud_as_in_a_player(layout: str) -> None:
    """As FFmpeg mixes them to stereo, of which we take the mean."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    for index, name in enumerate(names):
        channels = [np.zeros(1024, np.float32) for _ in names]
        channels[index] = tone(1024 / 16_000)
        mixer = av.AudioResampler(format="flt", layout="stereo", rate=16_000)
        (stereo,) = mixer.resample(frame(channels, layout))
        expected = stereo.to_ndarray().reshape(-1, 2).mean(axis=1)
        tolerance = 0.11 if name in ("FLC", "FRC", "BC") else 1e-4  # FFmpeg has them a bit louder
        np.testing.assert_allclose(mono(channels, layout), expected, atol=tolerance)


def test_speech_in_the_center_is_three_decibels_below_mono() -> None:
    silence = np.zeros_like(SPEECH)
    mixed = mono([silence, silence, SPEECH, silence, silence, silence], "5.1")
    np.testing.assert_allclose(mixed, HALF_POWER * SPEECH, atol=1e-6)


@pytest.mark.parametrize(("channels", "layout"), [(8, "7.1"), (16, "hexadecagonal"), (24, "22.2")])
def test_many_planes_are_read(channels: int, layout: str) -> None:
    """PyAV's own conversion of them reads memory beyond the planes."""
    source = [np.full(1024, n / 32, np.float32) for n in range(channels)]
    planar = av.AudioResampler(format="fltp", layout=layout, rate=16_000)
    (made,) = planar.resample(frame(source, layout))
    assert made.format.is_planar
    np.testing.assert_array_equal(channels_from_av(made), np.stack(source, axis=1))


@pytest.mark.parametrize("gain", [1.0, 0.5, 1.2])
def test_inverted_stereo_does_not_cancel(gain: float) -> None:
    mixed = mono([SPEECH, -gain * SPEECH])
    assert np.std(mixed[1024:]) == pytest.approx((1 + gain) / 2 * np.std(SPEECH), rel=0.01)


@pytest.mark.parametrize("side", [0, 1])
def test_speech_on_one_side_alone_is_as_loud_as_mono(side: int) -> None:
    channels = [np.zeros_like(SPEECH), np.zeros_like(SPEECH)]
    channels[side] = SPEECH
    np.testing.assert_allclose(mono(channels)[1024:], SPEECH[1024:], atol=1e-6)


@given(correlation=st.floats(-0.6, 1), balance=st.floats(0.1, 10), seed=st.integers(0, 9))
def test_ordinary_stereo_becomes_its_mean(correlation: float, balance: float, seed: int) -> None:
    """Wide stereo of music has sides that are partly opposite: it is no inversion."""
    other = np.random.default_rng(seed + 10).normal(0, 0.1, len(SPEECH)).astype(np.float32)
    right = balance * (correlation * SPEECH + (1 - correlation**2) ** 0.5 * other)
    mixed = mono([SPEECH, right.astype(np.float32)])
    np.testing.assert_allclose(mixed, (SPEECH + right) / 2, atol=1e-4)


def test_a_side_that_falls_silent_makes_no_click() -> None:
    left = tone(1.2, hz=100)
    right = left.copy()
    right[6_400:12_800] = 0
    mixed = mono([left, right], size=320)
    # The step that is in the right side itself is halved, as in its mean with the left one.
    assert np.abs(np.diff(mixed)).max() < 0.6 * np.abs(np.diff(right)).max() + 0.02
    np.testing.assert_allclose(mixed[7_000:12_000], left[7_000:12_000], atol=1e-3)
    np.testing.assert_allclose(mixed[14_000:], left[14_000:], atol=1e-3)


def test_silence_changes_nothing() -> None:
    state = DownmixState()
    for channels in ([SPEECH, -SPEECH], [SPEECH * 0, SPEECH * 0]):
        state, _ = mono_from_av(state, frame(channels, "stereo"))
    assert state.weights == (0.5, -0.5)
    assert mono_from_av(state, frame([SPEECH, SPEECH], "stereo"))[0] == DownmixState()
