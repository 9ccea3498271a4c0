"""x264 with regions and live rates, decoded again by FFmpeg."""

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from rtc.allocation.regions import Box, Region
from rtc.errors import EncoderError
from rtc.sending.video.h264_encoder import X264Encoder
from tests.rtc.client import clip

WIDTH, HEIGHT, RATE = 320, 192, 25
INSIDE = Box(0, 0, 0.4, 1.0)
REGIONS = (Region(INSIDE, 0), Region(Box(0, 0, 1, 1), 20))


def pictures(count: int) -> list[av.VideoFrame]:
    frames = clip()[0]
    found = []
    for index in range(count):
        frame = frames[index % len(frames)].reformat(WIDTH, HEIGHT, format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        found.append(frame)
    return found


def encoded(
    encoder: X264Encoder, frames: Sequence[av.VideoFrame], regions: Sequence[Region] = ()
) -> list[bytes]:
    made = [encoder.encode(frame, regions=regions) for frame in frames]
    assert all(made)
    return [each.data for each in made if each is not None]


def errors(frames: Sequence[av.VideoFrame], data: Sequence[bytes]) -> tuple[float, float]:
    """Return the mean square error of luma inside of the region and outside of it."""
    decoder = av.CodecContext.create("h264", "r")
    shown = [frame for part in data for frame in decoder.decode(av.Packet(part))]
    shown += decoder.decode(None)
    assert len(shown) == len(frames)
    squares = np.zeros((HEIGHT, WIDTH))
    for one, other in zip(frames, shown, strict=True):
        luma = [each.to_ndarray()[:HEIGHT].astype(float) for each in (one, other)]
        squares += (luma[0] - luma[1]) ** 2
    squares /= len(frames)
    split = round(INSIDE.right * WIDTH)
    return float(squares[:, :split].mean()), float(squares[:, split:].mean())


def test_a_region_gets_the_quality_that_the_rest_loses_at_no_more_bits() -> None:
    frames = pictures(40)
    results = []
    for regions in ((), REGIONS):
        encoder = X264Encoder(max_bitrate=120_000, frame_rate=RATE)
        data = encoded(encoder, frames, regions)
        results.append((errors(frames, data), sum(map(len, data))))
    (uniform, plain_size), (focused, size) = results
    assert size <= 1.05 * plain_size
    assert focused[0] < 0.5 * uniform[0]  # 3 dB better inside
    assert focused[1] > uniform[1]


def test_a_new_bitrate_is_reached_within_a_second_without_a_keyframe() -> None:
    encoder = X264Encoder(max_bitrate=1_000_000, frame_rate=RATE)
    sizes, keyframes = {}, 0
    frames = iter(pictures(6 * RATE))
    for bitrate in (300_000, 80_000, 240_000):
        encoder.bitrate = bitrate
        bits = []
        for _ in range(2 * RATE):
            picture = encoder.encode(next(frames))
            assert picture is not None
            bits.append(8 * len(picture.data))
            keyframes += picture.keyframe
        sizes[bitrate] = sum(bits[RATE:])
    assert keyframes == 1  # the first
    for bitrate, bits_per_second in sizes.items():
        assert bits_per_second < 1.25 * bitrate, sizes
    assert sizes[80_000] < 0.6 * sizes[240_000], sizes


def test_a_keyframe_comes_when_it_is_asked_for_and_when_the_size_changes() -> None:
    encoder = X264Encoder(max_bitrate=400_000, frame_rate=RATE)
    frames = pictures(6)
    frames[4] = frames[4].reformat(160, 96)
    made = [encoder.encode(frame, keyframe=index == 2) for index, frame in enumerate(frames[:5])]
    assert [each is not None and each.keyframe for each in made] == [True, False, True, False, True]


def test_a_frame_that_is_not_newer_is_left_out() -> None:
    encoder = X264Encoder(max_bitrate=400_000)
    first = pictures(1)[0]
    assert encoder.encode(first) is not None
    assert encoder.encode(first) is None


def test_what_cannot_be_encoded_is_an_error() -> None:
    encoder = X264Encoder(max_bitrate=400_000)
    with pytest.raises(EncoderError, match="timestamp"):
        encoder.encode(av.VideoFrame(32, 32, "yuv420p"))
    odd = pictures(1)[0].reformat(33, 31)
    with pytest.raises(EncoderError, match="33x31"):
        encoder.encode(odd)
