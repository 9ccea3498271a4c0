import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.resampling import Resampler, Samples, filter_bank

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]
NOISE = np.random.default_rng(1).uniform(-0.8, 0.8, 6_000).astype(np.float32)


def resample(resampler: Resampler, samples: Samples, cuts: list[int] | None = None) -> Samples:
    state, made = resampler.init_state(), [np.zeros(0, np.float32)]
    for part in np.split(samples, cuts or []):
        state, outputs = resampler.step(state, part)
        made += outputs
    return np.concatenate([*made, *resampler.flush(state)])


def tone(hz: float, rate: int, seconds: float = 0.5) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


@given(
    rates=st.tuples(st.sampled_from(RATES), st.sampled_from([16_000, 24_000, 48_000])),
    cuts=st.lists(st.integers(0, len(NOISE)), max_size=12).map(sorted),
)
@settings(max_examples=60)
def test_any_chunking_gives_the_same_samples(rates: tuple[int, int], cuts: list[int]) -> None:
    resampler = Resampler(*rates)
    parts = resample(resampler, NOISE, cuts)
    np.testing.assert_allclose(parts, resample(resampler, NOISE), atol=1e-6)  # order of sums


@given(
    rate=st.sampled_from(RATES),
    cut=st.integers(0, len(NOISE)),
)
@settings(max_examples=30)
def test_later_input_never_changes_earlier_output(rate: int, cut: int) -> None:
    resampler = Resampler(rate, 16_000)
    changed = np.concatenate([NOISE[:cut], -NOISE[cut:]])
    _, known = resampler.step(resampler.init_state(), NOISE[:cut])
    _, other = resampler.step(resampler.init_state(), changed)
    for before, after in zip(known, other, strict=False):
        np.testing.assert_allclose(before, after[: len(before)], atol=1e-6)  # order of sums


def test_a_state_can_be_resumed_twice_with_the_same_result() -> None:
    resampler = Resampler(44_100, 16_000)
    state, _ = resampler.step(resampler.init_state(), NOISE[:3_000])
    results = []
    for _ in range(2):
        later, made = resampler.step(state, NOISE[3_000:])
        results.append(np.concatenate([*made, *resampler.flush(later)]))
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("rate_out", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("rate_in", RATES)
def test_a_tone_keeps_its_phase_and_amplitude(rate_in: int, rate_out: int) -> None:
    made = resample(Resampler(rate_in, rate_out), tone(1_000, rate_in))
    inside = slice(len(made) // 5, -len(made) // 5)
    wanted = tone(1_000, rate_out, 0.51)[: len(made)]
    # -80 dB; a delay of one output sample at 48 kHz would be off by 0.13
    np.testing.assert_allclose(made[inside], wanted[inside], atol=1e-4)


@pytest.mark.parametrize("hz", [8_800, 12_000, 20_000])
def test_frequencies_above_the_lower_nyquist_rate_are_removed(hz: float) -> None:
    made = resample(Resampler(48_000, 16_000), tone(hz, 48_000))
    assert np.abs(made[500:-500]).max() < 1e-3  # -60 dB


def test_an_hour_of_packets_ends_on_the_exact_sample() -> None:
    # The position is arithmetic: jump to the end of the hour by its state, then go on.
    resampler = Resampler(44_100, 16_000)
    state, _ = resampler.step(resampler.init_state(), NOISE)
    period = 44_100 * 3_600
    late = type(state)(state.tail, state.offset + period, state.produced + 16_000 * 3_600)
    _, soon = resampler.step(state, NOISE)
    _, after_an_hour = resampler.step(late, NOISE)
    np.testing.assert_array_equal(np.concatenate(soon), np.concatenate(after_an_hour))


@given(st.integers(0, 5_000), st.sampled_from(RATES))
def test_a_stream_has_the_exact_number_of_samples(count: int, rate: int) -> None:
    made = resample(Resampler(rate, 16_000), NOISE[:count])
    assert len(made) == math.ceil(count * 16_000 / rate)


def test_a_constant_keeps_its_value() -> None:
    made = resample(Resampler(22_050, 48_000), np.full(4_000, 0.5, np.float32))
    np.testing.assert_allclose(made[200:-200], 0.5, atol=1e-6)  # float32 sums of 48 weights


def test_the_sum_of_every_filter_is_one() -> None:
    np.testing.assert_allclose(filter_bank(44_100, 16_000).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, 1_000_000)])
def test_a_rate_out_of_range_is_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="4000 to 192000 Hz"):
        Resampler(*rates)
