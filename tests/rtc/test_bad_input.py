"""Clients that offer little or the wrong thing, and cameras that misbehave: the call goes on."""

import asyncio
import itertools
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import RTCRtpSender
from aiortc.codecs.base import Encoder

from media.frames import VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from rtc.errors import BadOfferError
from rtc.negotiation.offer import OfferLimits, read_offer
from rtc.peer import Peer
from tests.rtc.client import (
    Camera,
    Client,
    Microphone,
    PacedTrack,
    clip,
    collect,
    connected,
    create_client,
    create_offer,
    offer_only,
)

Kinds = tuple[str, ...]
OFFERED: list[Kinds] = [
    ("video",),
    ("audio",),
    ("data",),
    *itertools.permutations(("video", "audio", "data")),
]


def picture(size: tuple[int, int], *, black: bool = False) -> av.VideoFrame:
    """Return a picture of a known size: black, or with a bright left half."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    if not black:
        pixels[:, : width // 2] = 220
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")


class OddCamera(PacedTrack):
    """Sends each of `frames` for `repeats` frames, in a loop."""

    kind = "video"

    def __init__(
        self, frames: list[av.VideoFrame], *, rate: Fraction = Fraction(25), repeats: int = 5
    ) -> None:
        super().__init__([frame for frame in frames for _ in range(repeats)], 1 / rate)


async def assert_alive(client: Client, peer: Peer) -> None:
    """Check that a message still arrives."""
    await client.opened.wait()
    assert client.channel is not None
    client.channel.send("still here")
    assert await anext(peer.messages) == "still here"


async def shapes_until(peer: Peer, wanted: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the sizes of the frames that arrive until each of `wanted` was among them."""
    found: list[tuple[int, int]] = []
    async for item in peer.media:
        if isinstance(item, VideoFrame):
            height, width = item.pixels.shape[:2]
            found.append((width, height))
            if wanted <= set(found):
                break
    return found


@pytest.mark.parametrize("kinds", OFFERED, ids="-".join)
async def test_what_is_offered_arrives_in_any_order_and_what_is_not_is_not_missed(
    kinds: Kinds,
) -> None:
    client = create_client()
    for kind in kinds:
        match kind:
            case "video":
                client.connection.addTrack(Camera())
            case "audio":
                client.connection.addTrack(Microphone())
            case _:
                client.channel = client.connection.createDataChannel("oai-events")
                client.channel.on("open", client.opened.set)
    async with connected(client) as peer:
        assert (peer.receives_video, peer.receives_audio, peer.receives_messages) == (
            "video" in kinds,
            "audio" in kinds,
            "data" in kinds,
        )
        pictures, sounds = (2 * (kind in kinds) for kind in ("video", "audio"))
        if pictures or sounds:
            items = await collect(peer, pictures=pictures, sounds=sounds)
            assert any(isinstance(item, AudioChunk) for item in items) == ("audio" in kinds)
        if "data" in kinds:
            await assert_alive(client, peer)


@pytest.mark.parametrize("codec", ["VP9", "AV1"])
async def test_an_offer_of_video_in_other_codecs_alone_is_refused_with_the_reason(
    codec: str,
) -> None:
    client = create_client(Camera())
    offer = (await create_offer(client)).replace("VP8", codec).replace("H264", codec)
    await client.connection.close()
    with pytest.raises(BadOfferError, match=r"expected VP8 or H\.264"):
        read_offer(offer, OfferLimits())


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
async def test_a_camera_that_changes_its_size_is_seen_in_each(codec: str) -> None:
    sizes = {(320, 180), (180, 320), (64, 48)}
    client = create_client(OddCamera([picture(size) for size in sorted(sizes)]), label="oai-events")
    offer_only(client, "video", codec)
    async with connected(client) as peer:
        found = await shapes_until(peer, sizes)
        assert set(found) == sizes
        await assert_alive(client, peer)


async def test_a_camera_that_goes_black_is_seen_black_and_comes_back() -> None:
    frames = [picture((64, 48)), picture((64, 48), black=True)]
    client = create_client(OddCamera(frames), label="oai-events")
    async with connected(client) as peer:
        bright: list[bool] = []
        async for item in peer.media:
            if isinstance(item, VideoFrame):
                bright.append(bool(item.pixels.max() > 100))
                changes = sum(a != b for a, b in itertools.pairwise(bright))
                if changes >= 3:
                    break
        assert bright[0]  # what is black before the camera opens is no picture
        await assert_alive(client, peer)


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(60)])
async def test_a_slow_and_a_fast_camera_keep_their_times(rate: Fraction) -> None:
    client = create_client(OddCamera([picture((64, 48))], rate=rate))
    async with connected(client) as peer:
        count = 3 if rate == 1 else 30
        frames = await collect(peer, pictures=count)
    steps = np.diff([frame.pts for frame in frames if isinstance(frame, VideoFrame)])
    period = VIDEO_CLOCK_HZ // rate
    assert (steps > period // 2).all()
    assert (np.abs(steps - np.rint(steps / float(period)) * period) <= 1).all()  # of a tick


class Spoiled:
    """An encoder whose output is damaged while `spoil` is set."""

    def __init__(self, encoder: Encoder, spoil: Callable[[bytes], bytes]) -> None:
        self.spoiling = False
        self.spoiled = 0
        self._encoder = encoder
        self._spoil = spoil

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode(self, frame: av.VideoFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        payloads, timestamp = self._encoder.encode(frame, force_keyframe or self.spoiling)
        if self.spoiling:
            self.spoiled += 1
            payloads = [self._spoil(payload) for payload in payloads]
        return payloads, timestamp


def nonsense(payload: bytes) -> bytes:
    """Keep the payload descriptor; what it describes cannot be decoded."""
    rng = np.random.default_rng(len(payload))
    return payload[:4] + rng.integers(0, 256, max(0, len(payload) - 4), np.uint8).tobytes()


SPOILINGS: dict[str, Callable[[bytes], bytes]] = {
    "nonsense": nonsense,
    "cut short": lambda payload: payload[: len(payload) // 3],
    "empty": lambda payload: b"",
    "no descriptor": lambda payload: b"\xff" * len(payload),
}


def video_sender(client: Client) -> RTCRtpSender:
    (sender,) = [each for each in client.connection.getSenders() if each.kind == "video"]
    return sender


def spoil(client: Client, how: Callable[[bytes], bytes]) -> Spoiled:
    """Put a damaging encoder in place of the client's, which has begun to send."""
    private = vars(video_sender(client))
    spoiled = Spoiled(private["_RTCRtpSender__encoder"], how)
    private["_RTCRtpSender__encoder"] = spoiled
    return spoiled


def begin_anew(client: Client) -> None:
    """Let the client begin with a keyframe; aiortc's H.264 encoder makes none that is asked for."""
    vars(video_sender(client))["_RTCRtpSender__encoder"] = None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "how"), [*(("video/VP8", how) for how in SPOILINGS), ("video/H264", "nonsense")]
)
async def test_video_that_cannot_be_decoded_is_left_out_until_it_can(codec: str, how: str) -> None:
    camera = Camera()
    client = create_client(camera, Microphone(), label="oai-events")
    offer_only(client, "video", codec)
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        encoder = spoil(client, SPOILINGS[how])
        encoder.spoiling = True
        await camera.has_sent(camera.sent + 15)
        await assert_alive(client, peer)
        await collect(peer, sounds=5)
        encoder.spoiling = False
        begin_anew(client)
        assert await until_like_the_clip(peer)
        assert encoder.spoiled >= 10
        assert not peer.closed.is_set()


async def until_like_the_clip(peer: Peer) -> bool:
    """Wait for a frame that is one of the clip's, as in test_peer: other scenes are > 20 away."""
    async for item in peer.media:
        if isinstance(item, VideoFrame) and away_from_clip(item) < 8:
            return True
    return False


def away_from_clip(frame: VideoFrame) -> float:
    """Return the mean difference of a frame from the nearest one of the clip."""
    originals = np.stack([f.reformat(320, 180, "rgb24").to_ndarray() for f in clip()[0][::5]])
    if frame.pixels.shape != originals.shape[1:]:
        return 255.0
    return float(np.abs(originals.astype(np.int16) - frame.pixels).mean(axis=(1, 2, 3)).min())


async def test_a_track_that_is_taken_away_and_another_that_is_put_in_its_place() -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        sender = video_sender(client)
        sender.replaceTrack(None)
        await collect(peer, sounds=25)
        await assert_alive(client, peer)
        sender.replaceTrack(OddCamera([picture((64, 48))]))
        found = await shapes_until(peer, {(64, 48)})
        assert found[-1] == (64, 48)
        assert not peer.closed.is_set()


async def test_a_track_that_ends_leaves_the_others() -> None:
    camera, microphone = Camera(), Microphone()
    client = create_client(camera, microphone, label="oai-events")
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        await video_sender(client).stop()  # which says goodbye for its source (BYE)
        await collect(peer, sounds=25)
        await assert_alive(client, peer)
        assert not peer.closed.is_set()


async def test_a_source_that_nobody_offered_does_not_disturb_the_others() -> None:
    """A track that is added without a new offer arrives as packets of an unknown source."""
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        transport, types = client.transport, itertools.cycle(range(96, 128))
        for number in range(200):
            head = bytes([0x80, next(types)]) + number.to_bytes(2) + bytes(4) + b"\x00\x00\x30\x39"
            await transport._send_rtp(head + bytes(40))
            await asyncio.sleep(0)
        items = await collect(peer, pictures=5, sounds=10)
        shapes = {item.pixels.shape for item in items if isinstance(item, VideoFrame)}
        assert shapes == {(180, 320, 3)}
        await assert_alive(client, peer)
