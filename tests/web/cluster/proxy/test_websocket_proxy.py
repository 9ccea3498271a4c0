"""A WebSocket passed on to another edge, here the service itself."""

import asyncio
import json
from typing import Any

from starlette.types import Message

from media.channel import Channel
from tests.patience import PATIENCE
from tests.web.served import scripted_models, served
from web.cluster.proxy.websocket_proxy import proxy_websocket
from web.config import Settings


async def test_the_client_is_sent_back_to_its_session_when_this_edge_leaves() -> None:
    sent: Channel[Message] = Channel(64)
    waiting: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop()

    with scripted_models() as models, served(Settings(), models) as service:
        path, left = b"/v1/realtime", asyncio.Event()
        scope: dict[str, Any] = {
            "type": "websocket",
            "path": path.decode(),
            "raw_path": path,
            "query_string": b"resumable=1",
            "headers": [(b"host", b"localhost")],
            "subprotocols": [],
            "client": ("127.0.0.1", 1),
            "scheme": "ws",
        }
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            passing = proxy_websocket(service.http, "edge-1", scope, receive, sent.send, left)
            tasks.create_task(passing)
            assert (await anext(sent))["type"] == "websocket.accept"
            assert json.loads((await anext(sent))["text"])["type"] == "session.created"
            left.set()
            while (last := await anext(sent))["type"] == "websocket.send":
                pass
    assert last == {"type": "websocket.close", "code": 1012, "reason": ""}
    assert not sent.waiting
