"""Each request for a route that is not for anybody leaves one audit line, however it ends."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from tests.web.served import scripted_models
from web.access.auth import Caller
from web.access.gate import Gate
from web.access.keys.key_edit import add_key
from web.access.keys.key_file import SERVICE_KEY
from web.access.keys.scopes import KeyScope
from web.access.routes import RULES, WEBSOCKET, RouteTable, Rule
from web.app import create_app
from web.cluster.proxy import shared_secrets
from web.cluster.proxy.shared_secrets import learning
from web.config import Settings
from web.problems import ProblemError

KEY = "sesame"
HOST = "127.0.0.1"
WRONG_KEYS = 2
ID = "sess_0123456789abcdef"
OPENING = ("/v1/realtime", "/v1/realtime/calls", "/whip")
GUARDED = [
    (method, rule) for rule in RULES if rule.scope is not None for method in rule.methods.split()
]
Line = dict[str, Any]


class Audited:
    """The application, and the audit lines of its requests; each of `keys` lacks what names it."""

    def __init__(self, app: FastAPI, keys: dict[str, str], lines: list[Line]) -> None:
        self.app, self.keys, self.lines = app, keys, lines

    async def ask(
        self, method: str, rule: Rule, key: str | None = KEY, *, host: str = HOST, **headers: str
    ) -> tuple[int, list[Line]]:
        """Return the status of a request, 101 for a WebSocket that opens, and its lines."""
        self.lines.clear()
        given = {"host": "localhost", "content-type": "application/sdp", **headers}
        if key is not None:
            given["authorization"] = f"Bearer {key}"
        websocket = method == WEBSOCKET
        scope: dict[str, Any] = {
            "type": "websocket" if websocket else "http",
            "method": method,
            "path": filled(rule),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "subprotocols": [],
            "client": (host, 1),
            "server": ("localhost", 80),
            "extensions": {"websocket.http.response": {}},
        }
        comes = ["websocket.connect", "websocket.disconnect"] if websocket else ["http.request"]
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": comes.pop(0)} if comes else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        with suppress(AssertionError):  # of a service that is broken; it answers 500 before
            await self.app(scope, receive, send)
        started = sent[0] if sent else {"status": 500}  # of a WebSocket uvicorn says that
        return int(started.get("status", 101)), list(self.lines)

    async def from_afar(self, method: str, rule: Rule) -> tuple[int, list[Line]]:
        """Return what is answered where too many wrong keys came from."""
        for _ in range(WRONG_KEYS):
            await self.ask(method, rule, "wrong", host="6.6.6.6")
        return await self.ask(method, rule, host="6.6.6.6")


def filled(rule: Rule) -> str:
    return rule.path.format(
        id=ID, name="eyeline", format="vtt", number=0, viewer="view_0", secret="s"
    )


@pytest.fixture
async def audited(tmp_path: Path) -> AsyncIterator[Audited]:
    path = tmp_path / "keys.toml"
    keys = {str(each): add_key(path, f"no-{each}", scopes_without(each)) for each in KeyScope}
    keys["requests"] = add_key(path, "idle", {"requests": 1})
    settings = Settings(api_key=KEY, keys=path, audit="all", sessions=1, wrong_keys=WRONG_KEYS)
    lines: list[Line] = []
    handler, logger = Kept(lines), logging.getLogger("web.access.audit")
    before = logger.level
    with scripted_models() as models:
        app = create_app(settings, models)
        [gate] = [each for each in app.user_middleware if str(each.cls) == str(Gate)]
        gate.kwargs["learn"] = learning(app, gate.kwargs["doorkeeper"])  # type: ignore[arg-type]  # as it was given
        async with app.router.lifespan_context(app):
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            found = Audited(app, keys, lines)
            await found.ask("GET", RouteTable().find("GET", "/sessions"), keys["requests"])
            yield found
            logger.removeHandler(handler)
            logger.setLevel(before)


class Kept(logging.Handler):
    """Keeps the fields of audit lines."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        fields: Line = record.audit  # type: ignore[attr-defined]  # of `AuditLog`
        self._lines.append(fields)


def scopes_without(scope: KeyScope) -> dict[str, Any]:
    return {"scopes": [each for each in KeyScope if each is not scope]}


@pytest.fixture(autouse=True)
def edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other machines know no client secret, and are not asked for one that begins with ek_many."""

    async def learn(value: str) -> None:
        if value.startswith("ek_many"):
            raise ProblemError(503, "too many", code="too_many_secrets")

    edge = SimpleNamespace(secrets=SimpleNamespace(learn=learn))
    monkeypatch.setattr(shared_secrets, "edge_of", lambda service: edge)


Asking = Callable[[Audited, str, Rule], Awaitable[tuple[int, list[Line]]]]
REFUSALS: dict[str, tuple[int, str | None, Asking]] = {
    "no key": (401, "invalid_api_key", lambda to, *route: to.ask(*route, key=None)),
    "a wrong key": (401, "invalid_api_key", lambda to, *route: to.ask(*route, key="wrong")),
    "an unknown secret": (401, "invalid_api_key", lambda to, *route: to.ask(*route, key="ek_x")),
    "too many secrets": (503, "too_many_secrets", lambda to, *route: to.ask(*route, key="ek_many")),
    "another site": (
        403,
        "origin_not_allowed",
        lambda to, *route: to.ask(*route, origin="https://example.com"),
    ),
    "no requests left": (
        429,
        "rate_limit_exceeded",
        lambda to, *route: to.ask(*route, key=to.keys["requests"]),
    ),
    "too many wrong keys": (429, "rate_limit_exceeded", lambda to, *route: to.from_afar(*route)),
    "not in scope": (
        403,
        "key_not_allowed",
        lambda to, method, rule: to.ask(method, rule, key=to.keys[rule.scope or ""]),
    ),
}


async def test_each_refusal_at_the_gate_leaves_one_line(audited: Audited) -> None:
    for why, (status, code, asking) in REFUSALS.items():
        for method, rule in GUARDED:
            answered, lines = await asking(audited, method, rule)
            assert answered == status, (why, method, rule.path)
            found = [(each["action"], each["outcome"], each.get("code")) for each in lines]
            assert found == [(f"{method} {rule.path}", status, code)], why


async def test_each_admitted_request_leaves_one_line_with_what_it_was_answered(
    audited: Audited,
) -> None:
    for method, rule in GUARDED:
        status, lines = await audited.ask(method, rule)
        own = [each for each in lines if each["action"] == f"{method} {rule.path}"]
        assert [(each["who"], each["outcome"]) for each in own] == [(SERVICE_KEY, status)], (
            rule.path
        )
        others = [each["action"].split()[0] for each in lines if each not in own]
        assert set(others) <= {"start", "end"}, "what else there is, is about sessions"
        assert status not in (401, 403, 405)


async def test_a_body_that_is_too_large_leaves_one_line(audited: Audited) -> None:
    for method, rule in GUARDED:
        if method != WEBSOCKET:
            status, lines = await audited.ask(method, rule, **{"content-length": str(1 << 40)})
            assert status == 413, rule.path
            assert [each["outcome"] for each in lines] == [413]


async def test_what_fails_leaves_one_line(audited: Audited) -> None:
    context = audited.app.state.context
    audited.app.state.context = SimpleNamespace(clock=context.clock)  # without what routes need
    failed = [await audited.ask(method, rule) for method, rule in GUARDED]
    audited.app.state.context = context
    assert sum(status == 500 for status, _ in failed) > len(failed) / 2
    for status, lines in failed:
        assert [each["outcome"] for each in lines] == [status]


async def test_a_session_for_which_there_is_no_room_leaves_one_refusal(
    audited: Audited,
) -> None:
    opening = [(m, rule) for m, rule in GUARDED if rule.path in OPENING and m != "OPTIONS"]
    assert len(opening) == len(OPENING)
    context = audited.app.state.context
    record = await context.start_session("call", Caller())
    for method, rule in opening:
        status, lines = await audited.ask(method, rule)
        refused = [each for each in lines if each["outcome"] not in (101, "started")]
        assert status in (101, 503), rule.path
        assert len(refused) == 1
        assert "sessions_full" in (refused[0].get("code"), refused[0]["outcome"])
    await context.end_session(record)
