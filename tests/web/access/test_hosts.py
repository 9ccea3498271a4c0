"""Which Host and Origin are accepted, by rule and at every route of the served application."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.web.served import scripted_models
from web.access.hosts import HostRules
from web.access.routes import RULES, WEBSOCKET, Rule
from web.app import create_app
from web.config import Settings
from web.page.frame import GradioFrame
from web.problems import ProblemError

LOCAL = "192.168.1.5"  # where requests arrive
NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,3}\Z")


def allowed(rules: HostRules, host: str | None, origin: str | None = None) -> bool:
    given_headers = {"host": host, "origin": origin}
    headers = {name: value for name, value in given_headers.items() if value is not None}
    try:
        rules.check_host(headers, LOCAL)
        rules.check_origin(headers)
    except ProblemError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:7860", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]:7860"),
        *(LOCAL, f"{LOCAL}:80", f"[::ffff:{LOCAL}]", "chat.example.org", "Chat.Example.org:8443"),
    ],
)
def test_names_of_this_service_are_accepted_with_any_port(host: str) -> None:
    assert allowed(HostRules(hosts=("chat.example.org",)), host)


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860"),
        *("localhost@evil.example", "192.168.1.6", "0.0.0.0", "[::]", "[::1", "10.0.0.1:7860"),
        *("xchat.example.org", "chat.example.org.", "127.0.0.1evil", "127.1", "2130706433"),
    ],
)
def test_other_names_are_refused(host: str | None) -> None:
    assert not allowed(HostRules(hosts=("chat.example.org",)), host)


@given(name=NAMES.filter(lambda name: name != "localhost"), port=st.integers(1, 65535))
def test_no_name_that_a_stranger_may_own_is_accepted(name: str, port: int) -> None:
    assert not allowed(HostRules(), f"{name}:{port}")
    assert allowed(HostRules(hosts=(name,)), f"{name}:{port}")


@given(name=NAMES, port=st.integers(1, 65535), other=NAMES)
def test_pages_of_this_service_and_no_other_are_accepted(name: str, port: int, other: str) -> None:
    rules = HostRules(any_host=True)
    for scheme in ("http", "https"):
        assert allowed(rules, f"{name}:{port}", f"{scheme}://{name}:{port}")
        assert allowed(rules, name, f"{scheme}://{name}")
        assert allowed(rules, f"{name}:{port}", f"{scheme}://{other}:{port}") == (name == other)
        assert not allowed(rules, f"{name}:{port}", f"{scheme}://{name}:{port % 65535 + 1}")


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "file://", "http://", "https://[", "http://localhost:7860.evil.example"),
        *("http://localhost:99999", "http://localhost", "chrome-extension://localhost:7860"),
        *("http://localhost:7860@evil.example", "//localhost:7860", "localhost:7860"),
    ],
)
def test_origins_that_only_look_like_this_service_are_refused(origin: str) -> None:
    assert not allowed(HostRules(), "localhost:7860", origin)
    assert allowed(HostRules(origins=("*",)), "localhost:7860", origin)
    assert allowed(HostRules(origins=(origin,)), "localhost:7860", origin)


def test_a_proxy_may_change_the_host_if_the_name_is_set() -> None:
    rules = HostRules(hosts=("chat.example.org",))
    assert allowed(rules, "127.0.0.1:7860", "https://chat.example.org")
    assert not allowed(rules, "127.0.0.1:7860", "https://chat.example.org:8443")
    assert not allowed(HostRules(), "127.0.0.1:7860", "https://chat.example.org")


pages = pytest.mark.slow  # importing Gradio takes seconds
EACH = [(method, rule) for rule in RULES for method in rule.methods.split()]


@pytest.fixture(scope="module")
def app(frame: GradioFrame) -> Iterator[FastAPI]:
    with scripted_models() as models:
        yield create_app(Settings(origins=("https://app.example",)), models, frame)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost:7860") as client:
        yield client


def status(client: TestClient, method: str, path: str, headers: dict[str, str]) -> int:
    filled = path.replace("{path:path}", "x").format(
        id="x", name="x", format="vtt", number=0, viewer="x", ticket="x", secret="x"
    )
    headers = {"Host": "localhost:7860", **headers}
    if method != WEBSOCKET:
        return client.request(method, filled, headers=headers).status_code
    try:
        with client.websocket_connect(filled, headers=headers):
            return 101
    except WebSocketDenialResponse as refused:
        return refused.status_code


@pages
@pytest.mark.parametrize(("method", "rule"), EACH, ids=[f"{m} {r.path}" for m, r in EACH])
def test_no_route_is_served_under_a_rebound_name_and_only_files_to_a_foreign_page(
    client: TestClient, method: str, rule: Rule
) -> None:
    path = rule.path
    assert status(client, method, path, {"Host": "evil.example:7860"}) == 403
    rebound = {"Host": "evil.example:7860", "Origin": "http://evil.example:7860"}
    assert status(client, method, path, rebound) == 403
    for origin in ("https://evil.example", "null", "http://localhost:8000"):
        found = status(client, method, path, {"Origin": origin})
        assert (found == 403) != rule.any_origin
    for origin in ("https://app.example", "http://localhost:7860"):
        assert status(client, method, path, {"Origin": origin}) not in (401, 403)
    assert status(client, method, path, {}) not in (401, 403)


@pages
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/realtime/calls", "/whip", "/v1/audio/speech"]
)
def test_a_foreign_page_cannot_post_what_needs_no_preflight(
    client: TestClient, path: str, kind: str
) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": kind}
    answer = client.post(path, content=b'{"messages": []}', headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert "EYELINE_ORIGINS" in answer.json()["detail"]
    assert "access-control-allow-origin" not in answer.headers


@pages
def test_a_rebound_name_is_told_which_setting_allows_it(client: TestClient) -> None:
    answer = client.get("/sessions", headers={"Host": "laptop.lan"})
    assert answer.status_code == 403
    assert "EYELINE_HOSTS" in answer.json()["detail"]


@pages
def test_a_page_of_an_allowed_origin_reads_refusals_too(client: TestClient) -> None:
    answer = client.get("/nothing", headers={"Origin": "https://app.example"})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_with_a_key_any_name_is_served_but_no_foreign_page() -> None:
    settings = Settings(api_key="sesame")
    with (
        scripted_models() as models,
        TestClient(create_app(settings, models)) as client,
    ):
        key = {"Authorization": "Bearer sesame", "Host": "chat.example.org"}
        assert client.get("/sessions", headers=key).status_code == 200
        foreign = {**key, "Origin": "https://evil.example"}
        assert client.get("/sessions", headers=foreign).status_code == 403
