"""The two ends of a call between hosts, each a process in a network namespace of its own.

python -m tests.web.signaling.relay_peers serve HOST TURN_URL    # prints its port
python -m tests.web.signaling.relay_peers call URL               # prints a line of JSON
"""

import asyncio
import json
import sys

import httpx
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from rtc.aiortc_patches.connection import ice_connection, transports
from tests.patience import PATIENCE
from tests.web.served import scripted_models, served
from tests.web.signaling.calling import Caller, Sound, offer_of
from web.config import Settings

KEY = SECRET = "s" * 32


def serve(host: str, turn: str) -> None:
    """Serve until standard input ends."""
    settings = Settings(host=host, api_key=KEY, turn_urls=(turn,), turn_secret=SECRET)
    with scripted_models() as models, served(settings, models) as service:
        sys.stdout.write(f"{service.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


async def call(url: str) -> None:
    """Make a call with the servers that the service names, and report which path it takes."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) as web:
        [server] = (await web.get("/ice-servers")).json()["iceServers"]
        configuration = RTCConfiguration([RTCIceServer(**server)])
        caller = Caller(RTCPeerConnection(configuration))
        caller.listen()
        caller.connection.addTrack(Sound(2.0))
        answer = await web.post(
            "/v1/realtime/calls?eyeline=1",
            content=await offer_of(caller.connection),
            headers={"Content-Type": "application/sdp"},
        )
        description = RTCSessionDescription(answer.text, "answer")
        await caller.connection.setRemoteDescription(description)
        caption = await caller.until("eyeline.caption", final=True)
        [transport] = transports(caller.connection)
        pair = ice_connection(transport.transport)._nominated[1]
        found = {
            "username": server["username"],
            "path": pair.local_candidate.type,
            "caption": caption["text"],
        }
        sys.stdout.write(json.dumps(found) + "\n")
        await web.delete(answer.headers["location"])
    await caller.connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        asyncio.run(call(sys.argv[2]))
