"""What a client secret holds at once is bounded, whichever routes it uses."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from media.clock import ReplayClock
from web.access.doorkeeper import Doorkeeper
from web.access.gate import Gate
from web.access.keys.scopes import GRANTED_SCOPES
from web.access.routes import RULES, WEBSOCKET
from web.config import Settings

ROUTES = [
    (method, rule)
    for rule in RULES
    if rule.scope in GRANTED_SCOPES
    for method in rule.methods.split()
]


class Held:
    """An application that answers when it is let go, behind a gate."""

    def __init__(self, limit: int) -> None:
        settings = Settings(api_key="sesame", secret_requests=limit)
        self.doorkeeper = Doorkeeper.of(settings)
        self.let_go = asyncio.Event()
        self.inside, self.expected = 0, 0
        self.gate = Gate(self.app, settings, self.doorkeeper, ReplayClock().now)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        if self.inside == self.expected:
            self.let_go.set()
        await self.let_go.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    def secret(self) -> str:
        keys = self.doorkeeper.keys
        key = keys.authenticate("sesame", now=0.0)
        return keys.mint({}, now=0.0, lifetime=60, caller=key, scopes=GRANTED_SCOPES).value

    async def ask(self, number: int, key: str) -> int:
        method, rule = ROUTES[number % len(ROUTES)]
        scope: dict[str, Any] = {
            "type": "websocket" if method == WEBSOCKET else "http",
            "method": method,
            "path": rule.path.replace("{format}", "vtt").replace("{", "").replace("}", ""),
            "headers": [(b"authorization", f"Bearer {key}".encode())],
            "client": ("6.6.6.6", 1),
            "extensions": {"websocket.http.response": {}},
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.gate(scope, receive, send)
        return int(sent[0]["status"])


async def test_a_client_secret_holds_so_many_requests_of_any_route_and_others_have_theirs() -> None:
    limit = 4
    held = Held(limit)
    greedy, other = held.secret(), held.secret()
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(held.ask(each, greedy)) for each in range(2 * len(ROUTES))]
        mine = [tasks.create_task(held.ask(each, other)) for each in range(limit)]
        keys = [tasks.create_task(held.ask(each, "sesame")) for each in range(2 * limit)]
        held.expected = limit + len(mine) + len(keys)
    answers = [each.result() for each in asked]
    assert answers == [204] * limit + [429] * (len(asked) - limit)
    assert {each.result() for each in [*mine, *keys]} == {204}
    assert await held.ask(0, greedy) == 204, "what has ended is not counted"
