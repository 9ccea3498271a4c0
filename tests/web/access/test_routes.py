"""The table of routes against the application that `eyeline serve` serves, for each caller."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute, compile_path
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession

from tests.web.served import scripted_models
from web.access.keys.scopes import SECRET_SCOPES
from web.access.routes import RULES, WEBSOCKET, RouteTable, Rule
from web.app import create_app
from web.config import Settings
from web.page.frame import GradioFrame
from web.problems import ProblemError

KEY = "sesame"
TURN_TTL = 3600
EACH = [(method, rule) for rule in RULES for method in rule.methods.split()]
OF_A_SESSION = [  # what is for anybody says the same of each session
    (method, rule) for method, rule in EACH if "{id}" in rule.path and rule.scope is not None
]


def name(value: object) -> str | None:
    return value.path if isinstance(value, Rule) else None


@pytest.fixture(scope="module")
def app(frame: GradioFrame) -> Iterator[FastAPI]:
    settings = Settings(
        api_key=KEY,
        turn_urls=("turn:turn.example:3478",),
        turn_secret="north",
        turn_ttl=TURN_TTL,
    )
    with scripted_models() as models:
        yield create_app(settings, models, frame)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def mint(client: TestClient, seconds: int = 600) -> str:
    body = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
    made = client.post("/v1/realtime/client_secrets", json=body, headers=bearer(KEY))
    assert made.status_code == 200
    return str(made.json()["value"])


@contextmanager
def session(client: TestClient, key: str) -> Iterator[str]:
    """Yield the id of a live session that `key` opened."""
    with client.websocket_connect("/v1/realtime", headers=bearer(key)) as socket:
        yield session_id(socket)


def session_id(socket: WebSocketTestSession) -> str:
    return str(socket.receive_json()["session"]["id"])


def ask(client: TestClient, method: str, path: str, key: str | None) -> int:
    """Return the status of a request; 101 is a WebSocket that opens."""
    headers = {} if key is None else bearer(key)
    if method != WEBSOCKET:
        with client.stream(method, path, headers=headers) as answer:
            return answer.status_code
    try:
        with client.websocket_connect(path, headers=headers):
            return 101
    except WebSocketDenialResponse as refused:
        return refused.status_code


def filled(rule: Rule, id: str = "sess_0123456789abcdef") -> str:
    path = rule.path.replace("{path:path}", "x.js")
    return path.format(
        id=id, name="eyeline", format="vtt", number=0, viewer="view_0", ticket="t", secret="s"
    )


def served_routes(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield method and path of each route; what is mounted, under a path of any depth."""
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{prefix}{route.path}/{{path:path}}"
        elif isinstance(route, WebSocketRoute):
            yield WEBSOCKET, prefix + route.path
        elif isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in route.methods or ())
        else:  # FastAPI keeps an included router whole
            yield from served_routes(route.original_router.routes)  # type: ignore[attr-defined]


pytestmark = pytest.mark.slow  # importing Gradio takes seconds


def test_each_route_that_is_served_is_in_the_table_and_no_other_is(app: FastAPI) -> None:
    served = set(served_routes(app.router.routes))
    table = {(method, rule.path) for method, rule in EACH}
    assert {each for each in served if each[0] != "HEAD"} == {
        each for each in table if each[0] != "HEAD"
    }


def test_a_route_without_an_entry_is_not_served(app: FastAPI) -> None:
    app.add_api_route("/new", lambda: "served")
    try:
        with TestClient(app) as client:
            assert client.get("/new", headers=bearer(KEY)).status_code == 404
        with pytest.raises(AssertionError):
            test_each_route_that_is_served_is_in_the_table_and_no_other_is(app)
    finally:
        app.router.routes.pop()


@pytest.mark.parametrize(("method", "rule"), EACH, ids=name)
def test_without_a_valid_key_only_what_is_for_anybody_is_served(
    client: TestClient, method: str, rule: Rule
) -> None:
    for key in (None, "wrong", "ek_made_up"):
        refused = ask(client, method, filled(rule), key) == 401
        assert refused == (rule.scope is not None)


@pytest.mark.parametrize(("method", "rule"), EACH, ids=name)
def test_the_key_opens_every_route(client: TestClient, method: str, rule: Rule) -> None:
    assert ask(client, method, filled(rule), KEY) not in (401, 403, 405)


@pytest.mark.parametrize(("method", "rule"), EACH, ids=name)
def test_a_client_secret_is_refused_where_it_has_not_the_scope(
    client: TestClient, method: str, rule: Rule
) -> None:
    refused = ask(client, method, filled(rule), mint(client)) in (401, 403)
    assert refused == (rule.scope is not None and rule.scope not in SECRET_SCOPES)


@pytest.mark.parametrize(("method", "rule"), OF_A_SESSION, ids=name)
@pytest.mark.parametrize("opened_by", ["the key", "another secret"])
def test_a_client_secret_finds_no_session_that_it_did_not_open(
    client: TestClient, method: str, rule: Rule, opened_by: str
) -> None:
    opener = KEY if opened_by == "the key" else mint(client)
    with session(client, opener) as id:
        assert ask(client, method, filled(rule, id), mint(client)) == 404
        assert client.get(f"/sessions/{id}", headers=bearer(KEY)).json()["state"] == "live"


def test_a_client_secret_lists_reads_and_ends_its_own_session(client: TestClient) -> None:
    secret = mint(client)
    mine = bearer(secret)
    with session(client, KEY), session(client, secret) as id:
        listed = client.get("/sessions", headers=mine).json()["sessions"]
        assert [each["id"] for each in listed] == [id]
        assert client.get(f"/sessions/{id}", headers=mine).json()["state"] == "live"
        assert client.get(f"/sessions/{id}/captions.vtt", headers=mine).text.startswith("WEBVTT")
        assert client.get(f"/sessions/{id}/moments", headers=mine).json() == {"moments": []}
        assert client.delete(f"/sessions/{id}", headers=mine).status_code == 204


def test_the_key_lists_every_session(client: TestClient) -> None:
    with session(client, KEY) as first, session(client, mint(client)) as second:
        listed = client.get("/sessions", headers=bearer(KEY)).json()["sessions"]
        assert {first, second} <= {each["id"] for each in listed}


def test_a_client_secret_has_so_many_sessions_and_no_more(client: TestClient) -> None:
    secret = mint(client)
    with ExitStack() as opened:
        for _ in range(Settings().secret_sessions):
            opened.enter_context(session(client, secret))
        with client.websocket_connect("/v1/realtime", headers=bearer(secret)) as refused:
            assert refused.receive()["code"] == 1013
        offer = client.post(
            "/whip",
            content="v=0",
            headers={**bearer(secret), "Content-Type": "application/sdp"},
        )
        assert offer.status_code == 429
        opened.enter_context(session(client, mint(client)))  # others have theirs
    with session(client, secret):  # and so has it, once one has ended
        pass


def chat(client: TestClient, key: str, id: str | None) -> int:
    body = {"messages": [{"role": "user", "content": "What is it?"}]}
    given = body if id is None else {**body, "metadata": {"session_id": id}}
    return client.post("/v1/chat/completions", json=given, headers=bearer(key)).status_code


def test_a_client_secret_asks_about_its_own_session_and_nothing_else(client: TestClient) -> None:
    secret = mint(client)
    with session(client, KEY) as other, session(client, secret) as id:
        assert chat(client, secret, id) == 200
        assert chat(client, secret, other) == 404
        assert chat(client, secret, None) == 403
        assert chat(client, KEY, other) == 200


def test_a_client_secret_gets_turn_credentials_of_its_own_that_end_with_it(
    client: TestClient,
) -> None:
    answers = [
        client.get("/ice-servers", headers=bearer(each)).json()
        for each in (KEY, mint(client, 10), mint(client, 7200), KEY)
    ]
    users = [answer["iceServers"][0]["username"].split(":")[1] for answer in answers]
    assert users[0].startswith("guest-")
    assert len(set(users)) == 4, "each call has its own"
    assert answers[0]["ttl"] == answers[2]["ttl"] == TURN_TTL
    assert 0 < answers[1]["ttl"] <= 10
    expiries = [int(answer["iceServers"][0]["username"].split(":")[0]) for answer in answers]
    assert expiries[0] - expiries[1] >= TURN_TTL - 10


def test_a_problem_says_what_a_client_secret_is_for(client: TestClient) -> None:
    answer = client.post("/v1/realtime/client_secrets", json={}, headers=bearer(mint(client)))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"]["code"] == "secret_not_allowed"


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_another_method_of_a_path_is_not_allowed_and_the_answer_lists_those_that_are(
    client: TestClient, rule: Rule
) -> None:
    path = filled(rule)
    at_path = {each for each, other in EACH if compile_path(other.path)[0].match(path)}
    allowed = at_path - {WEBSOCKET}
    for method in {"GET", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "BREW"} - allowed:
        answer = client.request(method, path, headers=bearer(KEY))
        assert answer.headers["content-type"] == "application/problem+json"
        if allowed:
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == allowed
        else:
            assert answer.status_code == 426
            assert answer.headers["upgrade"] == "websocket"


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing/here", "/gradio_api/upload", "/gradio_api/queue/join", "/config", "/upload"),
        *("/gradio_api/file=/etc/passwd", "/monitoring", "/login", "/docs", "/redoc", "/health/"),
        *("/v1/realtime/", "//", "/static", "/gradio_api/info", "/gradio_api/heartbeat/x"),
    ],
)
def test_an_unknown_path_is_a_problem_whoever_asks(client: TestClient, path: str) -> None:
    for key, method in ((KEY, "GET"), (KEY, "POST"), ("wrong", "PUT"), ("wrong", "HEAD")):
        answer = client.request(method, f"http://testserver{path}", headers=bearer(key))
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert method == "HEAD" or answer.json()["status"] == 404


PARTS = ("static", "assets", "health", "sessions", "v1", "models", "realtime", "calls", "js", "x")
SPELLINGS = ("", ".", "..", "%2e%2e", "%2f", "%00", "%0a", ";a=b", "\\", "sessions%2fx", "é")


@settings(max_examples=50)
@given(
    parts=st.lists(st.sampled_from((*PARTS, *SPELLINGS)), max_size=6),
    method=st.sampled_from(["GET", "POST", "DELETE", "HEAD"]),
)
def test_no_spelling_of_a_path_gets_around_the_key(
    client: TestClient, parts: list[str], method: str
) -> None:
    """What is served without the key has exactly the path of an entry for anybody."""
    url = "http://testserver/" + "/".join(parts)
    answer = client.request(method, url, follow_redirects=False)
    path = answer.request.url.path or "/"
    open_to_all = [rule.path for rule in RULES if rule.scope is None]
    served = any(compile_path(each)[0].match(path) for each in open_to_all)
    assert served or answer.status_code in (401, 404, 405, 426)
    if answer.status_code < 400:
        assert path.partition("/")[2].partition("/")[0] in ("", "static", "assets", "health")


def test_an_unknown_websocket_is_refused(client: TestClient) -> None:
    assert ask(client, WEBSOCKET, "/gradio_api/queue/join", KEY) == 404
    assert ask(client, WEBSOCKET, "/health", KEY) == 404


def test_the_table_raises_for_what_it_does_not_have() -> None:
    with pytest.raises(ProblemError) as missing:
        RouteTable().find("GET", "/v1/realtime/callsx")
    assert missing.value.status == 404
    assert json.dumps(missing.value.detail)
