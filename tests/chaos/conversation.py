"""A client of the service over a WebSocket, in tests of what goes wrong."""

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

import websockets

from tests.patience import PATIENCE
from tests.web.served import speech

Client = websockets.ClientConnection


async def say(client: Client, seconds: float = 1.0) -> None:
    """Send speech and a pause after it, which ends the turn."""
    await send_audio(client, speech(seconds) + speech(1.0, loud=False))


async def send_audio(client: Client, pcm: bytes) -> None:
    audio = base64.b64encode(pcm).decode()
    await client.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def until(client: Client, type: str) -> dict[str, Any]:
    """Return the next event of a type."""
    async with asyncio.timeout(PATIENCE):
        while True:
            event: dict[str, Any] = json.loads(await client.recv())
            if event["type"] == type:
                return event


async def answered(client: Client) -> str:
    """Say something, and return the text of the answer."""
    await say(client)
    done = await until(client, "response.done")
    (item,) = done["response"]["output"]
    return str(item["content"][0]["transcript"])


async def close_code(client: Client) -> int | None:
    """Read until the service closes the connection; return its code."""
    with suppress(websockets.ConnectionClosedError):
        async with asyncio.timeout(PATIENCE):
            async for _ in client:
                pass
    return client.close_code
