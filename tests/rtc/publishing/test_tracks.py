"""The tracks of a publisher: as many frames as ordered, of the ordered size; seamless audio."""

import asyncio
import itertools
from contextlib import suppress
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.channel import Channel
from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.worker import Worker
from rtc.publishing.orders import Orders
from rtc.publishing.tracks import PACKET, PublishedAudio, PublishedVideo
from tests.media.audio.frames import samples_from_av

LIMITS = SizeLimits(longer=320, shorter=180)


def picture(time: float, size: tuple[int, int] = (640, 360)) -> VideoFrame:
    return VideoFrame(np.zeros((size[1], size[0], 3), np.uint8), round(90_000 * time))


async def received(track: MediaStreamTrack) -> list[Any]:
    """Return all frames of `track`."""
    found = []
    with suppress(MediaStreamError):
        while True:
            found.append(await track.recv())
    assert track.readyState == "ended"
    return found


async def sent(orders: Orders, frames: list[VideoFrame]) -> list[av.VideoFrame]:
    """Return what a track makes of `frames`."""
    channel: Channel[VideoFrame] = Channel(len(frames))
    for frame in frames:
        await channel.send(frame)
    await channel.close()
    worker = Worker("test")
    track = PublishedVideo(channel, worker, lambda: orders, LIMITS)
    found = await received(track)
    worker.close()
    assert track.sent == len(found)
    return found


@pytest.mark.parametrize(("rate", "expected"), [(30, 30), (25, 25), (10, 10), (7, 7), (2, 2)])
async def test_as_many_frames_are_sent_as_ordered(rate: int, expected: int) -> None:
    frames = [picture(index / 30) for index in range(60)]
    orders = Orders(bitrate=100_000, frame_rate=float(rate))
    count = len(await sent(orders, frames))
    assert count == pytest.approx(2 * expected, rel=0.1, abs=1)  # of those that a clip has


async def test_an_irregular_clip_keeps_its_frames_at_its_own_rate() -> None:
    times = [index / 30 + 0.006 * (-1) ** index for index in range(1, 31)]
    orders = Orders(bitrate=100_000, frame_rate=30.0)
    assert len(await sent(orders, [picture(time) for time in times])) == 30


@pytest.mark.parametrize(
    ("scale", "size", "expected"),
    [
        (1.0, (640, 360), (320, 180)),
        (2.0, (640, 360), (160, 90)),
        (1.0, (360, 640), (180, 320)),
        (1.0, (160, 90), (160, 90)),
        (1.0, (300, 299), (180, 180)),
    ],
)
async def test_frames_have_the_ordered_size(
    scale: float, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    orders = Orders(bitrate=100_000, frame_rate=30.0, scale=scale)
    (frame,) = await sent(orders, [picture(0, size)])
    assert frame.width == pytest.approx(expected[0], abs=1)
    assert frame.height == pytest.approx(expected[1], abs=1)
    assert frame.width % 2 == frame.height % 2 == 0


async def test_audio_comes_in_packets_with_silence_in_short_gaps() -> None:
    rng = np.random.default_rng(1)
    sound = rng.uniform(-0.5, 0.5, 4 * PACKET + 50).astype(np.float32)
    channel: Channel[AudioChunk] = Channel(8)
    cuts = [0, 100, 500, 501, len(sound)]
    for first, last in itertools.pairwise(cuts):
        await channel.send(AudioChunk(sound[first:last], first, SAMPLE_RATE))
    behind = len(sound) + 270  # a gap that ends with a packet
    await channel.send(AudioChunk(sound[:PACKET], behind, SAMPLE_RATE))
    await channel.close()
    track = PublishedAudio(channel)
    frames = await received(track)
    assert [frame.pts for frame in frames] == [PACKET * index for index in range(6)]
    heard = np.concatenate([samples_from_av(frame) for frame in frames])
    np.testing.assert_allclose(heard[: len(sound)], sound, atol=2e-4)  # 16 bits
    assert not heard[len(sound) : behind].any()
    np.testing.assert_allclose(heard[behind:], sound[:PACKET], atol=2e-4)


async def test_a_stopped_track_ends_although_media_wait() -> None:
    channel: Channel[VideoFrame] = Channel(4)
    await channel.send(picture(0))
    worker = Worker("test")
    orders = Orders(bitrate=100_000, frame_rate=30.0)
    track = PublishedVideo(channel, worker, lambda: orders, LIMITS)
    track.stop()
    with pytest.raises(MediaStreamError):
        await asyncio.wait_for(track.recv(), 30)
    worker.close()
