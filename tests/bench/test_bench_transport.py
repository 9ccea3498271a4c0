"""The arithmetic of bench_transport, on logs whose figures are known."""

import math
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.frames import SAMPLE_RATE
from tests.bench.transport import time_code
from tests.bench.transport.figures import longest_gap, time_to_settle, usable, video_figures
from tests.bench.transport.logs import HeardSound, SeenFrame
from tests.bench.transport.scene import speech
from tests.bench.transport.sound import place, said, sound_figures

RATE = 30
CAPTURED = {number: number / RATE for number in range(300)}
SENT = {number: 7 * number for number in range(300)}


def seen(delay: float, numbers: range = range(300)) -> list[SeenFrame]:
    return [SeenFrame(CAPTURED[n] + delay, n, SENT[n]) for n in numbers]


@given(
    number=st.integers(0, 2**16 - 1),
    height=st.sampled_from([90, 120, 180, 240, 360, 480, 720]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40)
def test_a_time_code_is_read_through_noise_or_not_at_all(
    number: int, height: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    luma = rng.integers(16, 236, (height, height * 16 // 9), np.uint8)
    time_code.stamp(luma, number)
    noisy = np.clip(luma + rng.normal(0, 40, luma.shape), 0, 255).astype(np.uint8)
    assert time_code.read(noisy) == number
    noisy[:, : height // 10] = 16
    assert time_code.read(noisy) in (None, number)


def test_a_time_code_is_read_after_an_encoder_with_few_bits() -> None:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 160, 90, "yuv420p"
    encoder.bit_rate, encoder.time_base = 60_000, Fraction(1, 30)
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0"}
    decoder = av.CodecContext.create("vp8", "r")
    noise = np.random.default_rng(0).integers(0, 256, (135, 160), np.uint8)
    for number in range(25):
        picture = np.roll(noise, number, 1)
        time_code.stamp(picture[:90], 37 * number)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(packet):
                shown = decoded.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                assert time_code.read(shown[..., 1]) == 37 * number


def test_frames_that_all_come_in_time_have_one_delay() -> None:
    figures = video_figures(CAPTURED, SENT, seen(0.05), 1.0, 9.0)
    assert figures.captured == 240
    assert [figures.p50, figures.p95] == pytest.approx([0.05, 0.05])
    assert figures.gap == pytest.approx(1 / RATE)
    assert (figures.intact, figures.corrupt) == (1.0, 0.0)


def test_missing_damaged_repeated_and_unreadable_frames_are_told_apart() -> None:
    frames = seen(0.05, range(30, 120))  # the second half is missing
    frames[10] = SeenFrame(frames[10].time, 40, 0)
    frames[20] = SeenFrame(frames[20].time, None, 1)
    frames += [SeenFrame(4.5, stands_in=True)]
    figures = video_figures(CAPTURED, SENT, frames, 1.0, 7.0)
    assert figures.captured == 180
    assert figures.intact == pytest.approx(88 / 180)
    assert figures.corrupt == pytest.approx(2 / 90)
    assert figures.substitutes == 1
    assert figures.gap == pytest.approx(7.0 - CAPTURED[119] - 0.05)
    assert figures.pause == pytest.approx(7.0 - 4.5)


def test_nothing_received_is_no_delay_and_one_long_gap() -> None:
    figures = video_figures(CAPTURED, SENT, [], 1.0, 7.0)
    assert math.isnan(figures.p95)
    assert (figures.gap, figures.intact) == (6.0, 0.0)


@given(times=st.lists(st.floats(0, 10), max_size=30))
def test_the_longest_gap_is_that_of_a_plain_search(times: list[float]) -> None:
    inside = sorted([2.0, 8.0, *(time for time in times if 2 < time < 8)])
    plain = max(later - min(inside, key=lambda t: later - t if t < later else math.inf)
                for later in inside[1:])  # fmt: skip
    assert longest_gap(times, 2.0, 8.0) == pytest.approx(plain)


def test_a_stream_has_settled_when_its_frames_are_no_longer_late() -> None:
    early, late, good = range(150), range(200, 240), range(240, 300)
    frames = seen(0.05, early) + seen(0.6, late) + seen(0.05, good)
    settled = time_to_settle(CAPTURED, frames, begin=1.0, cut=5.0, over=6.0)
    last_late = CAPTURED[239] + 0.6
    assert last_late - 6.0 < settled <= last_late - 6.0 + 0.2
    for_good = seen(0.05, early) + seen(0.6, range(200, 300))
    assert time_to_settle(CAPTURED, for_good, begin=1.0, cut=5.0, over=6.0) == math.inf
    at_once = seen(0.05, early) + seen(0.05, range(200, 300))
    assert time_to_settle(CAPTURED, at_once, begin=1.0, cut=5.0, over=6.0) == pytest.approx(
        CAPTURED[200] + 0.05 - 6.0
    )


def test_a_model_can_use_new_intact_frames_only() -> None:
    assert usable(CAPTURED, SENT, seen(0.05), 1.0, 9.0, 0.5) == 1.0
    gone = seen(0.05, range(120)) + seen(0.05, range(240, 300))
    assert usable(CAPTURED, SENT, gone, 0.0, 10.0, 0.5) == pytest.approx(12 / 20)
    assert usable(CAPTURED, SENT, seen(0.6), 2.0, 9.0, 0.5) == 0.0
    broken = [SeenFrame(frame.time, frame.number, 1) for frame in seen(0.05)]
    assert usable(CAPTURED, SENT, broken, 1.0, 9.0, 0.5) == 0.0


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 3 * SAMPLE_RATE])
def test_sound_is_put_where_it_was_said_and_what_is_missing_is_counted(rate: int) -> None:
    spoken = speech(12.0, 0)
    packet = SAMPLE_RATE // 50
    packets = len(spoken.samples) // packet
    times = [100.0 + 0.02 * number for number in range(packets)]
    heard, concealed = [], []
    for number in range(10, packets):
        part = np.repeat(spoken.samples[number * packet :][:packet], rate // SAMPLE_RATE)
        start = (number + 1000) * packet * (rate // SAMPLE_RATE)
        if number % 10 != 3:
            late = times[number] + 0.05 + 0.03
            heard.append(HeardSound(late, start, rate, part))
        if number % 10 == 4:
            concealed.append((start / rate, start / rate + 0.02))
    received = place(heard, spoken.samples, concealed)
    places = [received.moved(number * packet) for number in range(1_010, packets + 1_000, 40)]
    assert places == pytest.approx(list(range(10 * packet, packets * packet, 40 * packet)), abs=3)
    figures = sound_figures(heard, received, times, begin=102.0, end=110.0, delay=0.05)
    assert figures.delivered == pytest.approx(0.8, abs=0.01)
    assert figures.concealed == pytest.approx(0.1, abs=0.01)
    assert [figures.p50, figures.last] == pytest.approx([0.03, 0.03])


def test_sound_of_which_most_is_missing_is_found() -> None:
    spoken, packet = speech(20.0, 2), SAMPLE_RATE // 50
    came = np.random.default_rng(3).random(len(spoken.samples) // packet) < 0.3
    heard = [
        HeardSound(0.0, 7_000 + n * packet, SAMPLE_RATE, spoken.samples[n * packet :][:packet])
        for n in np.flatnonzero(came).tolist()
    ]
    received = place(heard, spoken.samples)
    assert {received.moved(7_000 + n * packet) - n * packet for n in range(10, 900)} == {0}
    assert received.covered.mean() == pytest.approx(came.mean(), abs=0.01)


def test_sound_whose_place_moves_is_found_in_each_part() -> None:
    """A receiver that corrects its clock stretches the sound by a three hundredth."""
    spoken = speech(20.0, 1)
    count = len(spoken.samples)
    stretched = np.interp(
        np.arange(count * 301 // 300) * (300 / 301), np.arange(count), spoken.samples
    ).astype(np.float32)
    received = place([HeardSound(0.0, 500, SAMPLE_RATE, stretched)], spoken.samples)
    for position in range(SAMPLE_RATE, len(stretched) - SAMPLE_RATE, SAMPLE_RATE):
        assert received.moved(500 + position) == pytest.approx(position * 300 / 301, abs=200)


def test_words_are_those_of_clips_that_were_said_whole() -> None:
    spoken = speech(12.0, 0)
    times = [100.0 + 0.02 * number for number in range(2_000)]
    whole = [HeardSound(0.0, 0, SAMPLE_RATE, spoken.samples)]
    received = place(whole, spoken.samples)
    text, samples = said(spoken, received, times, 100.0, 112.0)
    assert text == spoken.clips[0].text
    np.testing.assert_array_equal(samples, spoken.samples[: len(samples)])
    assert said(spoken, received, times, 101.0, 103.0)[0] == ""
