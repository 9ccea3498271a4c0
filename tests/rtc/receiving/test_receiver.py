import asyncio
import itertools
from fractions import Fraction

import av
from aiortc import MediaStreamTrack

from media.frames import VideoFrame
from tests.rtc.client import (
    clip,
    collect,
    connected,
    create_client,
    offer_only,
)


class Packets(MediaStreamTrack):
    """Sends encoded H.264 of High profile with B-frames, in real time."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._packets = self._encode()
        self._sent = 0

    @staticmethod
    def _encode() -> "list[av.Packet[av.VideoStream]]":
        encoder = av.CodecContext.create("libx264", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        encoder.max_b_frames, encoder.profile = 2, "High"
        packets = []
        for index, frame in enumerate(clip()[0]):
            picture = frame.reformat(320, 180, "yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            packets += encoder.encode(picture)
        return packets + encoder.encode(None)

    async def recv(self) -> "av.Packet[av.VideoStream]":
        await asyncio.sleep(0.04)
        packet = self._packets[self._sent]
        self._sent += 1
        packet.time_base = Fraction(1, 25)
        return packet


async def test_b_frames_keep_their_times() -> None:
    client = create_client(Packets())
    offer_only(client, "video", "video/H264")
    async with connected(client) as peer:
        frames = [item for item in await collect(peer, pictures=30) if isinstance(item, VideoFrame)]
    frames = [frame for frame in frames if frame.stands_at is None]
    steps = [after.pts - before.pts for before, after in itertools.pairwise(frames)]
    # 25 frames a second, in ticks of 90 kHz; a busy machine may leave some out.
    assert all(step > 0 and step % 3600 == 0 for step in steps)
