"""Keys of a file at the served application: what they open, their limits, and their end."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import websockets

from models.asr.offline.transcription import TranscribedPart
from models.asr.words import RATE
from tests.patience import PATIENCE
from tests.web.access.windows_clock import WindowsClock
from tests.web.served import Served, scripted_models, served
from web.access.auth import Caller
from web.access.keys.key_edit import Values, add_key, revoke_key
from web.access.keys.key_file import key_digest, new_key
from web.access.keys.scopes import ApiKey, KeyLimits, KeyScope
from web.access.rates import ClientRates, RateLimitedError
from web.config import Settings
from web.operation import enforcement
from web.rest.transcription.transcriptions import metered

Connect = Callable[[str], Any]


class Operated:
    """A service with a file of keys, and clients of it."""

    def __init__(self, service: Served, path: Path) -> None:
        self.service = service
        self.path = path

    async def until_known(self, key: str) -> str:
        """Wait until the service has read the file with `key`."""
        async with asyncio.timeout(PATIENCE), self.client(key) as web:
            while (await web.get("/v1/models")).status_code == 401:
                pass
        return key

    async def add(self, name: str, values: Values | None = None) -> str:
        return await self.until_known(add_key(self.path, name, values or {}))

    def client(self, key: str, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        return httpx.AsyncClient(
            base_url=self.service.http, headers=headers, timeout=PATIENCE, **options
        )

    def connect(self, key: str, query: str = "") -> websockets.connect:
        headers = {"Authorization": f"Bearer {key}"}
        return websockets.connect(
            f"{self.service.ws}/v1/realtime{query}", additional_headers=headers
        )

    async def mint(self, key: str, **body: Any) -> httpx.Response:
        async with self.client(key) as web:
            return await web.post("/v1/realtime/client_secrets", json=body)

    async def secret(self, key: str, **body: Any) -> str:
        made = await self.mint(key, **body)
        assert made.status_code == 200, made.text
        return str(made.json()["value"])


@contextmanager
def operated(path: Path, **settings: Any) -> Iterator[Operated]:
    add_key(path, "first", {})
    with (
        pytest.MonkeyPatch.context() as patch,
        scripted_models() as models,
        served(Settings(api_key="sesame", keys=path, **settings), models) as service,
    ):
        patch.setattr(enforcement, "INTERVAL", 0.02)
        yield Operated(service, path)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated(tmp_path_factory.mktemp("keys") / "keys.toml", wrong_keys=0) as operator:
        yield operator


async def event(socket: websockets.ClientConnection, type: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            found: dict[str, Any] = json.loads(await socket.recv())
            if found["type"] == type:
                return found


async def session_id(socket: websockets.ClientConnection) -> str:
    return str((await event(socket, "session.created"))["session"]["id"])


async def closed(socket: websockets.ClientConnection) -> None:
    async with asyncio.timeout(PATIENCE):
        await socket.wait_closed()


async def test_a_key_opens_what_its_scopes_say_and_is_told_what_it_lacks(
    operator: Operated,
) -> None:
    key = await operator.add("watcher", {"scopes": [KeyScope.WATCH, KeyScope.CHAT]})
    async with operator.client(key) as web:
        assert (await web.get("/sessions")).status_code == 200
        refused = await web.post("/v1/audio/speech", json={"input": "hi", "voice": "x"})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "key_not_allowed"
    assert "this key is for chat, watch: this needs a key with the scope speech" in refused.text
    assert 'scope="speech"' in refused.headers["www-authenticate"]
    with pytest.raises(websockets.InvalidStatus) as denied:
        async with operator.connect(key):
            pass
    assert denied.value.response.status_code == 403


async def test_a_key_reaches_its_own_sessions_and_one_for_all_reaches_all(
    operator: Operated,
) -> None:
    anna, bob = await operator.add("anna"), await operator.add("bob")
    every = await operator.add("every", {"scopes": [KeyScope.WATCH, KeyScope.ALL_SESSIONS]})
    async with operator.connect(anna) as mine, operator.connect(bob) as other:
        own, foreign = await session_id(mine), await session_id(other)
        for key, reached in ((anna, {own}), (every, {own, foreign}), ("sesame", {own, foreign})):
            async with operator.client(key) as web:
                listed = (await web.get("/sessions")).json()["sessions"]
                assert {each["id"] for each in listed if each["state"] == "live"} == reached
        async with operator.client(anna) as web:
            assert (await web.get(f"/sessions/{foreign}")).status_code == 404
            assert (await web.delete(f"/sessions/{foreign}")).status_code == 404
            assert (await web.delete(f"/sessions/{own}")).status_code == 204
        async with operator.client(every) as web:
            assert (await web.delete(f"/sessions/{foreign}")).status_code == 403
        await closed(mine)


async def test_a_key_and_its_secrets_share_the_limit_of_sessions(operator: Operated) -> None:
    key = await operator.add("two", {"sessions": 2})
    secret = await operator.secret(key)
    async with operator.connect(key) as first, operator.connect(secret) as second:
        await session_id(first)
        await session_id(second)
        for each in (key, secret):
            async with operator.connect(each) as refused:
                await closed(refused)
            assert refused.close_code == 1013
            assert "this key may have 2 sessions at once" in str(refused.close_reason)
        async with operator.connect("sesame") as other:
            await session_id(other)


async def test_requests_over_the_limit_get_429_and_when_to_try_again(
    operator: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    WindowsClock(monkeypatch)
    key = await operator.add("slow", {"requests": 4})
    secret = await operator.secret(key)
    async with operator.client(key) as web:
        while (answer := await web.get("/v1/models")).status_code == 200:
            pass
    for each in (key, secret):
        async with operator.client(each) as web:
            answer = await web.get("/sessions")
        assert answer.status_code == 429
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        with pytest.raises(websockets.InvalidStatus) as denied:
            async with operator.connect(each):
                pass
        assert denied.value.response.status_code == 429
        assert denied.value.response.headers["Retry-After"]


async def test_messages_that_cost_a_request_get_an_error_event_and_the_session_goes_on(
    operator: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    WindowsClock(monkeypatch)
    key = await operator.add("chatty", {"requests": 5})
    async with operator.connect(key) as socket:
        await session_id(socket)
        message = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
        }
        create = {"type": "conversation.item.create", "event_id": "mine", "item": message}
        for _ in range(6):
            await socket.send(json.dumps(create))
        error = (await event(socket, "error"))["error"]
        assert error["code"] == "rate_limit_exceeded"
        assert error["event_id"] == "mine"
        assert "5 requests a minute: try again in" in error["message"]
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        await event(socket, "session.updated")


async def test_a_revoked_key_ends_its_secrets_its_sessions_and_nobody_elses(
    operator: Operated,
) -> None:
    doomed, kept = await operator.add("doomed"), await operator.add("other")
    secret = await operator.secret(doomed)
    async with AsyncExitStack() as stack:
        mine, by_secret, others = [
            await stack.enter_async_context(operator.connect(each))
            for each in (doomed, secret, kept)
        ]
        id = await session_id(mine)
        for socket in (by_secret, others):
            await session_id(socket)
        revoke_key(operator.path, "doomed")
        await closed(mine)
        await closed(by_secret)
        for each in (doomed, secret):
            async with operator.client(each) as web:
                assert (await web.get("/sessions")).status_code == 401
            with pytest.raises(websockets.InvalidStatus):
                async with operator.connect(each, f"?session={id}"):
                    pass
        await others.send(json.dumps({"type": "nothing"}))
        await event(others, "error")
        async with operator.client("sesame") as web:
            found = (await web.get(f"/sessions/{id}")).json()
    assert found["end_reason"] == "its key was revoked or has expired"


async def test_a_key_that_gets_another_value_ends_its_old_sessions_and_keeps_its_name(
    operator: Operated,
) -> None:
    """The file is replaced at once, as a secret that is mounted is, while sessions run."""
    old, kept = await operator.add("turned"), await operator.add("beside")
    new = new_key()
    before, after = (f'"sha256:{key_digest(each).hex()}"' for each in (old, new))
    text = operator.path.read_text()
    assert text.count(before) == 1
    async with operator.connect(old) as mine, operator.connect(kept) as others:
        id = await session_id(mine)
        await session_id(others)
        replacement = operator.path.with_suffix(".new")
        replacement.write_text(text.replace(before, after))
        replacement.replace(operator.path)
        await operator.until_known(new)
        await closed(mine)
        await others.send(json.dumps({"type": "nothing"}))
        await event(others, "error")
        async with operator.client(old) as web:
            assert (await web.get("/sessions")).status_code == 401
        async with operator.client(new) as web:
            assert (await web.get(f"/sessions/{id}")).json()["state"] == "ended"  # by name
        async with operator.connect(new) as again:
            await session_id(again)


async def test_nothing_more_is_sent_to_who_reads_with_a_revoked_key(operator: Operated) -> None:
    reader = await operator.add("reader", {"scopes": [KeyScope.WATCH, KeyScope.ALL_SESSIONS]})
    async with operator.connect("sesame") as session, operator.client(reader) as web:
        id = await session_id(session)
        async with web.stream("GET", f"/sessions/{id}/captions") as answer:
            assert answer.status_code == 200
            revoke_key(operator.path, "reader")
            async with asyncio.timeout(PATIENCE), operator.client(reader) as again:
                while (await again.get("/sessions")).status_code != 401:
                    pass
            await session.close()  # so that there is something to send: the end
            lines = [line async for line in answer.aiter_lines()]
        assert not any("end" in line for line in lines)


async def test_a_broken_file_keeps_the_keys_that_were_valid_and_says_so(
    operator: Operated, caplog: pytest.LogCaptureFixture
) -> None:
    key = await operator.add("kept")
    text = operator.path.read_text()
    caplog.set_level(logging.ERROR)
    operator.path.write_text(text + "[broken\n")
    async with asyncio.timeout(PATIENCE), operator.client(key) as web:
        while not any("the keys stay as they are" in each for each in caplog.messages):
            assert (await web.get("/sessions")).status_code == 200
        assert (await web.get("/sessions")).status_code == 200
    assert any(f"{operator.path}: not TOML" in each for each in caplog.messages)
    operator.path.write_text(text)
    await operator.add("after")


async def test_a_secret_has_scopes_of_its_key_and_no_others(operator: Operated) -> None:
    key = await operator.add(
        "maker", {"scopes": [KeyScope.SECRETS, KeyScope.SESSIONS, KeyScope.FILES]}
    )
    secret = await operator.secret(key, scopes=["files"])
    async with operator.client(secret) as web:
        assert (await web.get("/sessions")).status_code == 403
        assert (await web.post("/v1/audio/transcriptions")).status_code == 400
        assert (await web.post("/v1/realtime/client_secrets", json={})).status_code == 403
    for scopes in (["watch"], ["secrets"], ["metrics"], ["all_sessions"], ["files", "speech"]):
        refused = await operator.mint(key, scopes=scopes)
        assert refused.status_code == 403, scopes
        assert refused.json()["error"]["param"] == "scopes"
    assert (await operator.mint(key, scopes=["everything"])).status_code == 400
    usual = await operator.secret(key)
    async with operator.client(usual) as web:
        assert (await web.get("/sessions")).status_code == 403, "its key may not watch"


async def test_a_secret_to_watch_one_session_does_nothing_else(operator: Operated) -> None:
    async with operator.connect("sesame") as mine, operator.connect("sesame") as other:
        id, foreign = await session_id(mine), await session_id(other)
        secret = await operator.secret("sesame", watch=id)
        async with operator.client(secret) as web:
            listed = (await web.get("/sessions")).json()["sessions"]
            assert [each["id"] for each in listed] == [id]
            assert (await web.get(f"/sessions/{id}/moments")).status_code == 200
            assert (await web.get(f"/sessions/{foreign}")).status_code == 404
            assert (await web.delete(f"/sessions/{id}")).status_code == 403
            chat = {"messages": [{"role": "user", "content": "?"}], "metadata": {"session_id": id}}
            assert (await web.post("/v1/chat/completions", json=chat)).status_code == 403
        with pytest.raises(websockets.InvalidStatus):
            async with operator.connect(secret, f"?session={id}"):
                pass
    assert (await operator.mint("sesame", watch="sess_none")).status_code == 404
    bob = await operator.add("stranger")
    assert (await operator.mint(bob, watch=id)).status_code == 404


async def test_what_a_secret_watches_ends_when_it_is_revoked(operator: Operated) -> None:
    async with operator.connect("sesame") as line:
        id = await session_id(line)
        made = (await operator.mint("sesame", watch=id)).json()
        async with operator.client(made["value"]) as viewer, operator.client("sesame") as owner:
            async with viewer.stream("GET", f"/sessions/{id}/history") as history:
                assert history.status_code == 200
                revoke = f"/v1/realtime/client_secrets/{made['id']}"
                assert (await viewer.delete(revoke)).status_code == 403
                assert (await owner.delete(revoke)).status_code == 204
                assert (await owner.delete(revoke)).status_code == 404
                await line.send(json.dumps(typed("Where is it?")))
                await line.send(json.dumps({"type": "response.create"}))
                assert "Where is it?" not in "".join([part async for part in history.aiter_text()])
            for path in ("", "/history", "/captions.vtt", "/moments"):
                assert (await viewer.get(f"/sessions/{id}{path}")).status_code == 401
            assert (await owner.get(f"/sessions/{id}")).json()["state"] == "live"


def typed(text: str) -> dict[str, Any]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": item}


async def test_a_key_is_taken_from_no_other_place_of_a_request(operator: Operated) -> None:
    key = await operator.add("placed")
    places: list[dict[str, Any]] = [
        {"params": {"key": key, "api_key": key, "access_token": key}},
        {"headers": {"Authorization": f"Basic {key}"}},
        {"headers": {"Authorization": key}},
        {"headers": {"X-Api-Key": key, "Api-Key": key}},
        {"headers": {"Cookie": f"key={key}"}},
        {"headers": {"Authorization": f"Bearer {key.upper()}"}},
        {"headers": {"Authorization": f"Bearer {key[:-1]}"}},
        {"headers": {"Authorization": f"Bearer {key},{key}"}},
        {"headers": {"Authorization": f'Bearer "{key}"'}},
        {"headers": {"Authorization": f"Bearer {key.replace('_', '%5F')}"}},
    ]
    async with httpx.AsyncClient(base_url=operator.service.http, timeout=PATIENCE) as web:
        for place in places:
            assert (await web.get("/sessions", **place)).status_code == 401, place
        twice = [("Authorization", "Bearer wrong"), ("Authorization", f"Bearer {key}")]
        assert (await web.get("/sessions", headers=twice)).status_code == 401


async def test_a_key_without_minutes_for_files_has_none_transcribed(operator: Operated) -> None:
    key = await operator.add("nofiles", {"file_minutes": 0})
    async with operator.client(key) as web:
        refused = await web.post("/v1/audio/transcriptions", files={"file": b"x"})
    assert refused.status_code == 429
    assert "0 minutes of transcribed sound in 24 hours" in refused.json()["detail"]


async def test_the_sound_of_a_file_is_taken_from_the_minutes_of_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    WindowsClock(monkeypatch)
    rates = ClientRates()
    context: Any = SimpleNamespace(doorkeeper=SimpleNamespace(rates=rates))
    caller = Caller(ApiKey("anna", b"", limits=KeyLimits(file_minutes=1)))

    async def parts() -> AsyncGenerator[TranscribedPart, None]:
        for seconds in (20.5, 41, 59.5, 75):
            yield TranscribedPart([], round(seconds * RATE))

    left = [
        60 - rates.seconds_used(caller, "file_minutes")
        async for _ in metered(context, caller, parts())
    ]
    assert left == [40, 19, 1, 0]
    with pytest.raises(RateLimitedError):
        rates.check_minutes(caller, "file_minutes")


async def test_minutes_that_are_used_up_end_the_sessions_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WindowsClock(monkeypatch)
    with operated(tmp_path / "keys.toml") as operator:
        key = await operator.add("short", {"minutes": 0.05})
        async with operator.connect(key) as socket, operator.connect("sesame") as other:
            id = await session_id(socket)
            await session_id(other)
            await closed(socket)
            async with operator.connect(key) as refused:
                await closed(refused)
            assert "this key has 0.05 minutes of sessions in 24 hours" in str(refused.close_reason)
            async with operator.client(key) as web:
                found = (await web.get(f"/sessions/{id}")).json()
            assert found["end_reason"] == "the minutes of its key are used up"
            await other.send(json.dumps({"type": "nothing"}))
            await event(other, "error")


async def test_wrong_keys_and_requests_of_an_address_are_limited_behind_a_proxy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WindowsClock(monkeypatch)
    with operated(tmp_path / "keys.toml", wrong_keys=3) as operator:
        attacker = {"X-Forwarded-For": "127.0.0.1, 6.6.6.6"}
        async with operator.client("guess", headers=attacker) as web:
            codes = [(await web.get("/sessions")).status_code for _ in range(5)]
            assert codes == [401, 401, 401, 429, 429]
            right = {**attacker, "Authorization": "Bearer sesame"}
            assert (await web.get("/sessions", headers=right)).status_code == 429
        async with operator.client("sesame", headers={"X-Forwarded-For": "7.7.7.7"}) as web:
            assert (await web.get("/sessions")).status_code == 200
