"""Calls and WHIP with aiortc as the client, over a real port, with quick scripted models."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack

import av
import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.media.audio.frames import samples_from_av
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from tests.web.signaling.calling import (
    Picture,
    Sound,
    alive,
    calling,
    no_session_left,
    offer_of,
)
from web.config import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with (
        scripted_models(generator=ScriptedGenerator()) as models,
        served(Settings(sessions=2), models) as service,
    ):
        yield service


async def test_a_call_gets_a_transcript_its_video_and_a_spoken_answer(
    service: Served,
) -> None:
    path = "/v1/realtime/calls?eyeline=1&model=gpt-realtime"
    async with calling(service, Sound(2.0), Picture(), path=path) as caller:
        transcription = {"input": {"transcription": {"model": "whisper-1"}}}
        caller.send("session.update", session={"type": "realtime", "audio": transcription})
        done = await caller.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"].startswith("one two three")
        await caller.until("output_audio_buffer.started")
        async with asyncio.timeout(PATIENCE):
            picture = await caller.tracks["video"].recv()
            peak = 0.0
            while peak < 0.1:
                sound = await caller.tracks["audio"].recv()
                assert isinstance(sound, av.AudioFrame)
                peak = max(peak, float(np.abs(samples_from_av(sound)).max()))
        assert isinstance(picture, av.VideoFrame)
        assert (picture.width, picture.height) == (320, 180)
        await caller.until("response.done")
        await caller.until("output_audio_buffer.stopped")
        stats = await caller.until("eyeline.stats")
        steering = await caller.until("eyeline.steering")
    types = [event["type"] for event in caller.events]
    assert types[0] == "session.created"
    assert "response.output_audio.delta" not in types
    assert types.index("response.done") < types.index("output_audio_buffer.stopped")
    assert stats["fps_in"] is not None
    assert stats["bitrate_in"] > 0
    assert steering["encoding"]["maxFramerate"] == 15.0  # its video is returned
    await no_session_left(service)


async def test_a_cancelled_answer_clears_the_track(service: Served) -> None:
    async with calling(service, Sound(0.0)) as caller:
        content = [{"type": "input_text", "text": "count " + "x " * 100}]
        item = {"type": "message", "role": "user", "content": content}
        caller.send("conversation.item.create", item=item)
        caller.send("response.create")
        await caller.until("output_audio_buffer.started")
        caller.send("response.cancel")
        done = await caller.until("response.done")
        assert done["response"]["status"] == "cancelled"
        await caller.until("output_audio_buffer.cleared")
    assert "output_audio_buffer.stopped" not in [event["type"] for event in caller.events]


async def test_delete_ends_a_call_and_frees_its_session(service: Served) -> None:
    await no_session_left(service)
    async with calling(service, Sound(0.0)) as caller:
        assert await alive(service) == 1
        async with httpx.AsyncClient(base_url=service.http) as web:
            assert (await web.delete(caller.location)).status_code == 200
            assert (await web.delete("/v1/realtime/calls/sess_other")).status_code == 404
        await no_session_left(service)


async def test_a_form_brings_the_session_with_the_offer(service: Served) -> None:
    connection = RTCPeerConnection()
    try:
        connection.createDataChannel("oai-events")
        sdp = await offer_of(connection)
        session = {"type": "realtime", "instructions": "Be brief.", "colour": "blue"}
        async with httpx.AsyncClient(base_url=service.http) as web:
            form = {"sdp": (None, sdp), "session": (None, json.dumps(session))}
            refused = await web.post("/v1/realtime/calls", files=form)
            assert refused.status_code == 400
            assert refused.json()["error"]["param"] == "session.colour"
            del session["colour"]
            form = {"sdp": (None, sdp), "session": (None, json.dumps(session))}
            taken = await web.post("/v1/realtime/calls", files=form)
            assert taken.status_code == 201
            await web.delete(taken.headers["location"])
    finally:
        await connection.close()
    await no_session_left(service)


@pytest.mark.parametrize("path", ["/v1/realtime/calls", "/whip"])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"garbage", "application/sdp", 400),
        (b"", "application/sdp", 400),
        (b"v=0\r\nm=audio", "application/sdp", 400),
        (b"\xff\xfe\x00", "application/sdp", 400),
        (b"v=0\r\n" * 100_000, "application/sdp", 413),
        (b"{}", "application/json", 415),
    ],
)
async def test_an_invalid_offer_gets_a_problem_and_never_a_traceback(
    service: Served, path: str, body: bytes, kind: str, status: int
) -> None:
    async with httpx.AsyncClient(base_url=service.http) as web:
        answer = await web.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert "Traceback" not in answer.text
    await no_session_left(service)


async def test_a_turn_ends_when_a_call_sends_no_more_sound(service: Served) -> None:
    """As with `replaceTrack(null)` or an unplugged microphone: no silence comes, but nothing."""
    async with calling(service, Sound(60.0)) as caller:
        transcription = {"input": {"transcription": {"model": "whisper-1"}}}
        caller.send("session.update", session={"type": "realtime", "audio": transcription})
        await caller.until("conversation.item.input_audio_transcription.delta")
        [sender] = caller.connection.getSenders()
        sender.replaceTrack(None)
        await caller.until("input_audio_buffer.speech_stopped")
        done = await caller.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"].startswith("one")
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
    await no_session_left(service)


async def test_nobody_is_answered_who_only_publishes(service: Served) -> None:
    async with calling(service, Sound(1.0), path="/whip") as caller:
        created = await caller.until("session.created")
        await caller.until("input_audio_buffer.committed")
        types = [event["type"] for event in caller.events]
    assert created["session"]["output_modalities"] == ["text"]
    assert created["session"]["audio"]["input"]["turn_detection"]["create_response"] is False
    assert not any(type.startswith("response.") for type in types)
    await no_session_left(service)


async def test_a_whip_publisher_is_captioned(service: Served) -> None:
    connection = RTCPeerConnection()
    try:
        connection.addTransceiver(Sound(1.5), direction="sendonly")
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            options = await web.options("/whip")
            assert options.headers["accept-post"] == "application/sdp"
            headers = {"Content-Type": "application/sdp"}
            answer = await web.post("/whip", content=await offer_of(connection), headers=headers)
            assert answer.status_code == 201
            assert answer.headers["etag"]
            place = answer.headers["location"]
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            assert (await web.patch(place, content=b"")).status_code == 415
            text = ""
            async with web.stream("GET", f"/sessions/{place.split('/')[-1]}/captions") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith('data: {"turn"'):
                        text += json.loads(line.removeprefix("data: "))["text"]
                        assert (await web.delete(place)).status_code == 200
        assert "one two" in text
    finally:
        await connection.close()
    await no_session_left(service)


async def test_a_call_over_the_limit_gets_the_time_to_retry(service: Served) -> None:
    await no_session_left(service)
    async with calling(service, Sound(0.0)), calling(service, Sound(0.0)):
        connection = RTCPeerConnection()
        try:
            connection.createDataChannel("oai-events")
            async with httpx.AsyncClient(base_url=service.http) as web:
                answer = await web.post(
                    "/v1/realtime/calls",
                    content=await offer_of(connection),
                    headers={"Content-Type": "application/sdp"},
                )
        finally:
            await connection.close()
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    await no_session_left(service)


async def test_the_service_ends_while_a_call_is_live() -> None:
    with ExitStack() as stack:
        service = stack.enter_context(served(Settings(), stack.enter_context(scripted_models())))
        async with calling(service, Sound(5.0), Picture()) as caller:
            await caller.until("input_audio_buffer.speech_started")
            stack.close()
            async with asyncio.timeout(PATIENCE):
                await caller.closed.wait()


async def test_generated_video_replaces_the_camera_until_it_is_disabled(
    service: Served,
) -> None:
    path = "/v1/realtime/calls?eyeline=1"
    async with calling(service, Sound(0.0), Picture(), path=path) as caller:

        async def shown(green: int) -> av.VideoFrame:
            """Return the first picture that is about so green in the middle."""
            async with asyncio.timeout(PATIENCE):
                while True:
                    frame = await caller.tracks["video"].recv()
                    assert isinstance(frame, av.VideoFrame)
                    pixels = frame.to_ndarray(format="rgb24")
                    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
                    if abs(int(middle[1]) - green) < 12:  # a codec changes colours
                        return frame

        camera = await shown(128)
        assert (camera.width, camera.height) == (320, 180)
        caller.send("eyeline.prompt.set", text="x" * 30)
        caller.send("eyeline.generation.update", enabled=True)
        drawn = await shown(30)
        assert (drawn.width, drawn.height) == (288, 288)
        caller.send("eyeline.prompt.set", text="x" * 240)
        await shown(240)
        caller.send("eyeline.generation.update", pictures=True)
        assert "video track" in (await caller.until("error"))["error"]["message"]
        caller.send("eyeline.generation.update", enabled=False)
        again = await shown(128)
        assert (again.width, again.height) == (320, 180)
        assert (await caller.until("eyeline.generation.status"))["state"] in ("drawing", "off")
