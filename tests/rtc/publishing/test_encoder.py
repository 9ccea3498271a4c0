"""x264 as aiortc's encoder: within the orders and the receiver's estimate, few keyframes."""

from dataclasses import replace
from fractions import Fraction

import av

from rtc.allocation.regions import Box, Region
from rtc.publishing.encoder import SteeredEncoder
from rtc.publishing.orders import Orders
from tests.rtc.client import clip

RATE = 25
PLENTY = Orders(bitrate=2_000_000, frame_rate=float(RATE))
REGIONS = (Region(Box(0, 0, 0.5, 1), 0), Region(Box(0, 0, 1, 1), 20))


def pictures(count: int) -> list[av.VideoFrame]:
    frames = clip()[0]
    found = []
    for index in range(count):
        frame = frames[index % len(frames)].reformat(320, 180, format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        found.append(frame)
    return found


def is_keyframe(payloads: list[bytes]) -> bool:
    """Return whether there is a sequence parameter set, alone or in a STAP-A; RFC 6184."""
    first = payloads[0]
    return first[0] & 0x1F == 7 or (first[0] & 0x1F == 24 and first[3] & 0x1F == 7)


def test_the_lower_of_orders_and_estimate_is_the_bitrate() -> None:
    orders = PLENTY
    encoder = SteeredEncoder(lambda: orders, max_bitrate=3_000_000)
    encoder.encode(pictures(1)[0])
    assert encoder.bitrate == 2_000_000
    encoder.target_bitrate = 700_000
    encoder.encode(pictures(2)[1])
    assert encoder.bitrate == 700_000
    orders = replace(orders, bitrate=400_000)
    encoder.encode(pictures(3)[2])
    assert encoder.bitrate == 400_000


def test_payloads_fit_into_packets_and_have_the_time_of_the_frame() -> None:
    encoder = SteeredEncoder(lambda: PLENTY, max_bitrate=3_000_000)
    for index, frame in enumerate(pictures(3)):
        payloads, time = encoder.encode(frame)
        assert time == index * 90_000 // RATE
        assert all(len(payload) <= 1300 for payload in payloads)
        assert is_keyframe(payloads) == (index == 0)


def test_requests_for_keyframes_are_met_once_a_second() -> None:
    encoder = SteeredEncoder(lambda: PLENTY, max_bitrate=3_000_000)
    made = [
        is_keyframe(encoder.encode(frame, force_keyframe=index in (2, 3, 40))[0])
        for index, frame in enumerate(pictures(70))
    ]
    assert [index for index, key in enumerate(made) if key] == [0, RATE, 2 * RATE]


def test_regions_are_used_where_bits_are_scarce() -> None:
    orders = replace(PLENTY, regions=REGIONS)
    encoder = SteeredEncoder(lambda: orders, max_bitrate=3_000_000)
    focused = []
    for frame, estimate in zip(pictures(3), (3_000_000, 60_000, 3_000_000), strict=True):
        encoder.target_bitrate = estimate
        encoder.encode(frame)
        focused.append(encoder.focused)
        if estimate < 100_000:
            orders = replace(orders, focus=True)
    assert focused == [False, True, True]
