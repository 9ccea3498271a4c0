"""VP8 with layers, live rates and regions, decoded again by FFmpeg."""

from fractions import Fraction

import av
import numpy as np
import pytest

from rtc.allocation.regions import Box, Region
from rtc.errors import EncoderError
from rtc.sending.video.libvpx import Libvpx
from rtc.sending.video.vp8_encoder import PATTERN, LayeredPicture, Vp8Encoder
from tests.rtc.client import clip

WIDTH, HEIGHT, RATE = 320, 192, 25
INSIDE = Box(0, 0, 0.4, 1.0)
REGIONS = (Region(INSIDE, 0), Region(Box(0, 0, 1, 1), 22))


def picture(index: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> av.VideoFrame:
    source = clip()[0][index % 50].reformat(*size, format="yuv420p")
    frame = av.VideoFrame.from_ndarray(source.to_ndarray(), format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, RATE)
    return frame


def encoded(
    encoder: Vp8Encoder, count: int, regions: tuple[Region, ...] = ()
) -> list[LayeredPicture]:
    made = [encoder.encode(picture(index), regions=regions) for index in range(count)]
    assert all(made)
    return [each for each in made if each is not None]


def shown(pictures: list[LayeredPicture]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("libvpx", "r")
    return [frame for each in pictures for frame in decoder.decode(av.Packet(each.data))]


def error(index: int, frame: av.VideoFrame, columns: slice = slice(None)) -> float:
    """Return the mean square error of luma."""
    luma = [each.to_ndarray()[:HEIGHT, columns].astype(float) for each in (picture(index), frame)]
    return float(((luma[0] - luma[1]) ** 2).mean())


def test_lower_layers_decode_without_the_higher_ones() -> None:
    made = encoded(Vp8Encoder(max_bitrate=300_000), 40)
    assert [each.layer for each in made] == [PATTERN[index % 4] for index in range(40)]
    whole = [error(index, frame) for index, frame in enumerate(shown(made))]
    for most in (0, 1):
        kept = [index for index, each in enumerate(made) if each.layer <= most]
        frames = shown([made[index] for index in kept])
        assert len(frames) == len(kept)
        errors = [error(index, frame) for index, frame in zip(kept, frames, strict=True)]
        assert np.mean(errors) <= 1.05 * np.mean([whole[index] for index in kept])


def test_a_new_bitrate_is_reached_within_a_second_without_a_keyframe() -> None:
    encoder, keyframes = Vp8Encoder(max_bitrate=1_000_000), 0
    index, measured = 0, {}
    for bitrate in (300_000, 90_000, 240_000):
        encoder.bitrate = bitrate
        bits = []
        for _ in range(2 * RATE):
            made = encoder.encode(picture(index))
            assert made is not None
            index, keyframes = index + 1, keyframes + made.keyframe
            bits.append(8 * len(made.data))
        measured[bitrate] = sum(bits[RATE:])
    assert keyframes == 1  # the first
    for bitrate, bits_per_second in measured.items():
        assert 0.6 * bitrate <= bits_per_second <= 1.3 * bitrate


def test_a_keyframe_comes_on_request_and_begins_the_pattern() -> None:
    encoder = Vp8Encoder(max_bitrate=300_000)
    made = [encoder.encode(picture(index), keyframe=index == 6) for index in range(10)]
    assert [each.keyframe for each in made if each] == [index in (0, 6) for index in range(10)]
    assert [each.layer for each in made if each] == [0, 2, 1, 2, 0, 2, 0, 2, 1, 2]


def test_a_region_gets_the_quality_that_the_rest_loses() -> None:
    split, errors = round(INSIDE.right * WIDTH), {}
    for regions in ((), REGIONS):
        made = encoded(Vp8Encoder(max_bitrate=250_000), 40, regions)
        frames = list(enumerate(shown(made)))[10:]
        errors[regions] = [
            np.mean([error(index, frame, part) for index, frame in frames])
            for part in (slice(split), slice(split, None))
        ]
    assert errors[REGIONS][0] < 0.85 * errors[()][0]
    assert errors[REGIONS][1] > errors[()][1]


def test_gaps_do_not_make_frames_of_upper_layers_large() -> None:
    encoder, sizes, pts = Vp8Encoder(max_bitrate=300_000), [], 0
    for index in range(100):
        pts += 1 if index % 10 else 20  # the path was full
        frame = picture(index)
        frame.pts = pts
        made = encoder.encode(frame)
        assert made is not None
        sizes.append(len(made.data))
    assert max(sizes[8:]) <= 8 * 300_000 / 8 / RATE


def test_a_new_size_begins_with_a_keyframe_and_old_frames_are_left_out() -> None:
    encoder = Vp8Encoder(max_bitrate=300_000)
    assert encoder.encode(picture(5)) is not None
    assert encoder.encode(picture(5)) is None
    changed = encoder.encode(picture(6, (160, 96)))
    assert changed is not None
    assert changed.keyframe
    assert (shown([changed])[0].width, shown([changed])[0].height) == (160, 96)


def test_a_library_without_libvpx_and_a_frame_without_a_time_are_refused() -> None:
    with pytest.raises(EncoderError, match="not linked with libvpx"):
        Libvpx("_ctypes")
    frame = picture(0)
    frame.pts = None
    with pytest.raises(EncoderError, match="timestamp"):
        Vp8Encoder(max_bitrate=300_000).encode(frame)
