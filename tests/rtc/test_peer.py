import asyncio
import itertools
import re
from typing import cast

import av
import numpy as np
import pytest
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from media.audio.resampling import Samples
from media.clock import LiveClock
from media.frames import VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.sizes import SizeLimits
from rtc.errors import BadOfferError, PeerClosedError, PeerSilentError
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.media.audio.frames import samples_from_av
from tests.patience import PATIENCE
from tests.rtc.client import (
    Camera,
    Microphone,
    assert_no_tasks_left,
    clip,
    collect,
    connected,
    create_client,
    create_offer,
    cut_off,
    offer_only,
    pitch,
    tone,
)


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
async def test_video_of_the_client_arrives(codec: str) -> None:
    client = create_client(Camera())
    offer_only(client, "video", codec)
    async with connected(client) as peer:
        assert codec.removeprefix("video/") in peer.answer_sdp
        frames = [i for i in await collect(peer, pictures=12) if isinstance(i, VideoFrame)]
    times = np.diff([frame.pts for frame in frames])
    assert (times % (VIDEO_CLOCK_HZ // 25) == 0).all()
    assert (times > 0).all()
    originals = np.stack([f.reformat(320, 180, "rgb24").to_ndarray() for f in clip()[0]])
    for frame in frames:
        assert frame.pixels.shape == (180, 320, 3)
        away = np.abs(originals.astype(np.int16) - frame.pixels).mean(axis=(1, 2, 3))
        assert away.min() < 8  # a lossy codec at its first bitrate; other scenes are > 20 away


async def test_audio_of_the_client_arrives() -> None:
    client = create_client(Microphone())
    async with connected(client) as peer:
        chunks = [c for c in await collect(peer, sounds=75) if isinstance(c, AudioChunk)]
    assert {chunk.rate for chunk in chunks} == {16_000}
    assert all(a.end == b.start for a, b in itertools.pairwise(chunks))
    heard = np.concatenate([chunk.samples for chunk in chunks])
    spoken = clip()[1][::3]
    whole = np.correlate(spoken, heard[4_000:16_000], mode="valid")
    place = int(np.argmax(whole))
    same = spoken[place : place + 12_000]
    likeness = np.corrcoef(same, heard[4_000:16_000])[0, 1]
    assert likeness > 0.9  # Opus keeps the waveform of speech nearly


@pytest.mark.parametrize("codec", ["audio/opus", "audio/PCMU", "audio/PCMA", "audio/G722"])
async def test_audio_arrives_in_every_codec(codec: str) -> None:
    client = create_client(Microphone())
    offer_only(client, "audio", codec)
    async with connected(client) as peer:
        chunks = await collect(peer, sounds=20)
    heard = np.concatenate([c.samples for c in chunks if isinstance(c, AudioChunk)])
    assert heard.std() > 0.01


async def keep_showing(peer: Peer, color: tuple[int, int, int]) -> None:
    """Show frames of one color, 128 by 96, thirty times a second until cancelled."""
    clock, pixels = LiveClock(), np.full((96, 128, 3), color, np.uint8)
    for index in itertools.count():
        peer.show(VideoFrame(pixels, index * VIDEO_CLOCK_HZ // 30))
        await clock.sleep_until(index / 30)


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
async def test_shown_frames_reach_the_client(codec: str) -> None:
    client = create_client(listens=["video"])
    offer_only(client, "video", codec)
    async with connected(client) as peer, asyncio.TaskGroup() as tasks:
        assert (peer.receives_video, peer.receives_audio, peer.receives_messages) == (
            True,
            False,
            False,
        )
        showing = tasks.create_task(keep_showing(peer, (200, 40, 40)))
        picture = cast("av.VideoFrame", await anext(client.frames("video")))
        showing.cancel()
    assert (picture.width, picture.height) == (128, 96)
    color = picture.to_ndarray(format="rgb24").mean(axis=(0, 1))
    np.testing.assert_allclose(color, (200, 40, 40), atol=12)  # 8-bit YUV, lossy


async def test_speech_reaches_the_client_and_can_be_cleared() -> None:
    client = create_client(listens=["audio"])
    heard: list[Samples] = []
    async with connected(client) as peer:
        await peer.play(AudioChunk(tone(440, 2.0, 24_000), 0, 24_000))
        async for frame in client.frames("audio"):
            samples = samples_from_av(cast("av.AudioFrame", frame))
            if np.abs(samples).max() > 0.1:
                heard.append(samples)
            if len(heard) == 25:
                break
        played = peer.clear()
        assert 500 <= played < 2_000
        silent = 0
        async for frame in client.frames("audio"):
            silent = (
                silent + 1
                if np.abs(samples_from_av(cast("av.AudioFrame", frame))).max() < 0.01
                else 0
            )
            if silent == 5:
                break
        assert peer.clear() == played
    assert pitch(np.concatenate(heard), 48_000) == pytest.approx(440, abs=5)


@pytest.mark.slow
async def test_camera_and_microphone_arrive_while_video_is_returned() -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client) as peer, asyncio.TaskGroup() as tasks:

        async def mirror() -> None:
            async for item in peer.media:
                if isinstance(item, VideoFrame):
                    peer.show(item)

        mirroring = tasks.create_task(mirror())
        seen = 0
        async for _ in client.frames("video"):
            seen += 1
            if seen == 10:
                break
        state = await peer.stats()
        mirroring.cancel()
    assert state.round_trip is None or 0 < state.round_trip < 5
    assert state.loss == 0
    assert state.bitrate_in > 10_000
    assert state.bitrate_out > 10_000
    assert state.frame_rate_in > 0
    assert state.frame_rate_out > 0


@pytest.mark.slow
async def test_unread_media_is_dropped_and_the_newest_is_kept() -> None:
    camera, microphone = Camera(rate=50), Microphone()
    client = create_client(camera, microphone)
    async with connected(client, PeerLimits(queued_media=20, queued_frames=2)) as peer:
        first = await collect(peer, pictures=1, sounds=1)
        await camera.has_sent(camera.sent + 70)
        for transceiver in peer._connection.getTransceivers():
            track = cast("RemoteStreamTrack", transceiver.receiver.track)
            assert track._queue.qsize() <= 2
        await peer.close()
        left = [item async for item in peer.media]
    pictures = [item for item in left if isinstance(item, VideoFrame)]
    assert len(pictures) == 2
    assert len(left) <= 20
    assert peer.media.dropped > 60
    assert pictures[-1].time > first[0].time + 1


async def test_the_last_picture_stands_in_while_nothing_arrives() -> None:
    client = create_client(Camera())
    async with connected(client, PeerLimits(substitute_after=0.1)) as peer:
        frames = [item for item in await collect(peer, pictures=5) if isinstance(item, VideoFrame)]
        client.drop_transport()
        last, substitutes = frames[-1], list[VideoFrame]()
        async for item in peer.media:
            if isinstance(item, VideoFrame) and item.stands_at is None:
                last, substitutes = item, []  # was on its way
            elif isinstance(item, VideoFrame):
                substitutes.append(item)
            if len(substitutes) == 3:
                break
    moments = [each.moment - last.time for each in substitutes]
    assert moments == pytest.approx([0.1, 0.2, 0.3], abs=1e-4)  # ticks of 90 kHz
    assert all(each.time == last.time for each in substitutes)
    assert all((each.pixels == last.pixels).all() for each in substitutes)


async def test_a_lost_client_is_noticed_within_the_timeout() -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client, PeerLimits(silence_timeout=0.8)) as peer:
        await collect(peer, pictures=3, sounds=3)
        client.drop_transport()
        _ = [item async for item in peer.media]
        _ = [message async for message in peer.messages]
        await peer.closed.wait()
        with pytest.raises(PeerClosedError, match=r"nothing arrived from the client for 0\.8 s"):
            peer.show(VideoFrame(np.zeros((16, 16, 3), np.uint8), 0))
    assert peer.end_reason == "nothing arrived from the client for 0.8 s"
    assert peer.lost


async def test_a_client_that_falls_silent_is_noticed_before_and_heard_again() -> None:
    client = create_client(Microphone(), label="oai-events")
    limits = PeerLimits(lost_timeout=0.4, silence_timeout=PATIENCE)
    async with connected(client, limits) as peer:
        silent, heard = asyncio.Event(), asyncio.Event()
        peer.on_silence = lambda is_silent: (silent if is_silent else heard).set()
        await client.opened.wait()
        mend = cut_off(client.connection)
        await silent.wait()
        assert not heard.is_set()
        with pytest.raises(PeerSilentError):
            await peer.messages.send("who is there?")
        mend()
        await heard.wait()
        await peer.messages.send("welcome back")
        assert await client.messages.get() == "welcome back"
        assert not peer.ended
    assert not peer.lost


async def test_a_quiet_client_stays_connected() -> None:
    client = create_client(label="oai-events")
    async with connected(client, PeerLimits(silence_timeout=0.6)) as peer:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.closed.wait(), timeout=2)
        assert (await peer.stats()).round_trip is not None


async def test_a_client_that_leaves_ends_the_peer() -> None:
    client = create_client(Camera(), Microphone())
    async with connected(client) as peer:
        await client.connection.close()
        _ = [item async for item in peer.media]
        await peer.closed.wait()
    assert peer.end_reason == "the client left"
    assert not peer.lost


async def test_a_client_that_never_connects_is_closed() -> None:
    before = asyncio.all_tasks()
    client = create_client(Camera())
    offer = await create_offer(client)
    await client.connection.close()
    peer = await Peer.accept(offer, clock=LiveClock(), limits=PeerLimits(connect_timeout=0.5))
    await asyncio.wait_for(peer.closed.wait(), timeout=10)
    assert peer.end_reason == "not connected within 0.5 s"
    assert [item async for item in peer.media] == []
    await assert_no_tasks_left(before)


async def test_nothing_is_sent_to_a_client_that_only_sends() -> None:
    client = create_client(Camera(), Microphone())
    for transceiver in client.connection.getTransceivers():
        transceiver.direction = "sendonly"
    async with connected(client) as peer:
        assert (peer.receives_video, peer.receives_audio) == (False, False)
        assert re.findall(r"a=(sendrecv|sendonly|recvonly|inactive)", peer.answer_sdp) == [
            "recvonly",
            "recvonly",
        ]
        peer.show(VideoFrame(np.zeros((16, 16, 3), np.uint8), 0))
        await peer.play(AudioChunk(tone(440, 0.1, 16_000), 0, 16_000))
        await collect(peer, pictures=5, sounds=5)
        assert peer.clear() == 0
        assert (await peer.stats()).frame_rate_out == 0


async def test_of_two_cameras_the_first_is_taken_and_the_second_declined() -> None:
    client = create_client(Camera(), Camera(size=(64, 48)))
    async with connected(client) as peer:
        directions = re.findall(r"a=(sendrecv|sendonly|recvonly|inactive)", peer.answer_sdp)
        assert directions == ["sendrecv", "inactive"]
        frames = await collect(peer, pictures=5)
    assert {cast("VideoFrame", frame).pixels.shape for frame in frames} == {(180, 320, 3)}


async def test_large_frames_are_reduced_on_arrival() -> None:
    client = create_client(Camera(size=(640, 360)))
    limits = PeerLimits(frame_size=SizeLimits(longer=160, shorter=90))
    async with connected(client, limits) as peer:
        (frame,) = await collect(peer, pictures=1)
    assert cast("VideoFrame", frame).pixels.shape == (90, 160, 3)


async def test_a_bad_offer_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    client = create_client(Camera())
    offer = re.sub("VP8|H264", "AV1", await create_offer(client))
    with pytest.raises(BadOfferError, match=r"expected VP8 or H\.264"):
        await Peer.accept(offer, clock=LiveClock())
    await client.connection.close()
    await assert_no_tasks_left(before)


async def test_a_peer_can_be_closed_twice_and_while_it_connects() -> None:
    before = asyncio.all_tasks()
    client = create_client(Camera(), label="oai-events")
    peer = await Peer.accept(await create_offer(client), clock=LiveClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(peer.close())
        tasks.create_task(peer.close())
    await peer.close()
    assert peer.closed.is_set()
    await client.connection.close()
    await assert_no_tasks_left(before)
