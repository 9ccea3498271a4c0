"""Viewers of a session: aiortc as the client, over a real port."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import av
import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from rtc.aiortc_patches.connection import ice_connection, transports
from tests.media.audio.frames import samples_from_av
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from tests.web.signaling.calling import Caller, Picture, Sound, calling, no_session_left, offer_of
from web.config import Settings

pytestmark = pytest.mark.slow

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(viewers=2), models) as service:
        yield service


async def post(service: Served, path: str, sdp: str, secret: str = "") -> httpx.Response:
    headers = {**SDP, **({"Authorization": f"Bearer {secret}"} if secret else {})}
    async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
        return await web.post(path, content=sdp, headers=headers)


@asynccontextmanager
async def viewing(service: Served, session: str, secret: str = "") -> AsyncIterator[Caller]:
    """Watch `session` until the block ends."""
    viewer = Caller(RTCPeerConnection())
    try:
        viewer.connection.on("track", lambda track: viewer.tracks.__setitem__(track.kind, track))
        for kind in ("video", "audio"):
            viewer.connection.addTransceiver(kind, direction="recvonly")
        sdp = await offer_of(viewer.connection)
        answer = await post(service, f"/whep/{session}", sdp, secret)
        assert answer.status_code == 201, answer.text
        viewer.location, viewer.tag = answer.headers["location"], answer.headers["etag"]
        description = RTCSessionDescription(answer.text, "answer")
        await viewer.connection.setRemoteDescription(description)
        yield viewer
    finally:
        await viewer.connection.close()


async def pictures(viewer: Caller) -> None:
    """Watch until there is nothing to see any more."""
    while True:
        await picture(viewer)


async def picture(viewer: Caller) -> av.VideoFrame:
    async with asyncio.timeout(PATIENCE):
        frame = await viewer.tracks["video"].recv()
    assert isinstance(frame, av.VideoFrame)
    return frame


async def heard(viewer: Caller) -> None:
    """Wait until the viewer hears something."""
    peak = 0.0
    async with asyncio.timeout(PATIENCE):
        while peak < 0.1:
            sound = await viewer.tracks["audio"].recv()
            assert isinstance(sound, av.AudioFrame)
            peak = float(np.abs(samples_from_av(sound)).max())


async def test_several_viewers_see_and_hear_a_call_and_leave_it_as_it_is(service: Served) -> None:
    async with calling(service, Sound(0.0), Picture()) as caller:
        session = caller.location.rpartition("/")[2]
        async with viewing(service, session) as one, viewing(service, session) as two:
            for viewer in (one, two):
                frame = await picture(viewer)
                assert (frame.width, frame.height) == (320, 180)
            connection = RTCPeerConnection()
            connection.addTransceiver("video", direction="recvonly")
            full = await post(service, f"/whep/{session}", await offer_of(connection))
            await connection.close()
            assert (full.status_code, full.json()["error"]["code"]) == (503, "viewers_full")
            content = [{"type": "input_text", "text": "count " + "x " * 20}]
            item = {"type": "message", "role": "user", "content": content}
            caller.send("conversation.item.create", item=item)
            caller.send("response.create")
            async with asyncio.TaskGroup() as tasks:
                for listener in (one, two, caller):
                    tasks.create_task(heard(listener))
            async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
                assert (await web.delete(one.location)).status_code == 200
                assert (await web.delete(one.location)).status_code == 404
            await picture(two)
            await picture(caller)
        await picture(caller)
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            live = await web.get(f"/sessions/{session}")
            assert live.json()["losses"] == 0
    await no_session_left(service)


async def test_a_publisher_has_viewers_and_late_candidates_of_both_are_taken(
    service: Served,
) -> None:
    async with calling(service, Sound(1.0), Picture(), path="/whip") as caller:
        session = caller.location.rpartition("/")[2]
        async with viewing(service, session) as viewer:
            assert (await picture(viewer)).height == 180
            for client in (caller, viewer):
                ice = ice_connection(transports(client.connection)[0].transport)
                fragment = f"a=ice-ufrag:{ice.local_username}\r\na=ice-pwd:{ice.local_password}\r\n"
                fragment += "a=candidate:1 1 udp 1 192.0.2.1 7 typ host\r\n"
                restart = f"a=ice-ufrag:abcd\r\na=ice-pwd:{'p' * 24}\r\n"
                kind = "application/trickle-ice-sdpfrag"
                async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
                    for body, headers, status in (
                        (fragment, {"Content-Type": kind, "If-Match": client.tag}, 204),
                        (fragment, {"Content-Type": kind}, 428),
                        (fragment, {"Content-Type": kind, "If-Match": '"older"'}, 412),
                        (fragment, {"Content-Type": "text/plain", "If-Match": client.tag}, 415),
                        ("v=0", {"Content-Type": kind, "If-Match": client.tag}, 400),
                        (restart, {"Content-Type": kind, "If-Match": "*"}, 200),
                    ):
                        answer = await web.patch(client.location, content=body, headers=headers)
                        assert answer.status_code == status, answer.text
                        if status == 200:
                            assert answer.headers["content-type"] == kind
                            assert answer.headers["etag"] != client.tag
                            assert "a=ice-ufrag:" in answer.text
                            assert "a=candidate:" in answer.text
            await picture(viewer)
    await no_session_left(service)


async def test_the_end_of_a_session_ends_its_viewers(service: Served) -> None:
    async with calling(service, Picture()) as caller:
        session = caller.location.rpartition("/")[2]
        async with viewing(service, session) as viewer:
            await picture(viewer)
            async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
                await web.delete(caller.location)
            with suppress(MediaStreamError):
                while True:
                    await picture(viewer)
        connection = RTCPeerConnection()
        connection.addTransceiver("video", direction="recvonly")
        late = await post(service, f"/whep/{session}", await offer_of(connection))
        await connection.close()
        assert late.status_code == 409
        assert (await post(service, "/whep/sess_unknown", "v=0")).status_code == 404


async def test_who_may_only_watch_sends_nothing_and_ends_with_its_secret(
    service: Served,
) -> None:
    async with calling(service, Sound(1.0), Picture()) as caller:
        session = caller.location.rpartition("/")[2]
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as owner:
            made = (await owner.post("/v1/realtime/client_secrets", json={"watch": session})).json()
            headers = {**SDP, "Authorization": f"Bearer {made['value']}"}
            for offers in ("sendrecv", "messages"):
                eager = RTCPeerConnection()
                eager.addTransceiver(
                    "video", direction="sendrecv" if offers == "sendrecv" else "recvonly"
                )
                if offers == "messages":
                    eager.createDataChannel("oai-events")
                sdp = await offer_of(eager)
                refused = await owner.post(f"/whep/{session}", content=sdp, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (
                    400,
                    "invalid_offer",
                )
                await eager.close()
            async with viewing(service, session) as other:
                foreign = await owner.delete(other.location, headers=headers)
                assert foreign.status_code == 404, "it ends no other viewer"
                assert (await owner.delete(other.location)).status_code == 200
            async with viewing(service, session, made["value"]) as viewer:
                await picture(viewer)
                async with viewing(service, session, made["value"]) as newest:
                    again = await owner.post(f"/whep/{session}", content="v=0", headers=headers)
                    assert again.status_code == 429, "one link has two seats"
                    async with viewing(service, session) as own:
                        await picture(own)
                        with pytest.raises(MediaStreamError):
                            await pictures(newest)
                await owner.delete(f"/v1/realtime/client_secrets/{made['id']}")
                with pytest.raises(MediaStreamError):
                    await pictures(viewer)
