"""Which requests another edge of a cluster may have to serve."""

import pytest

from web.cluster.proxy.routing import opens_session, session_in_chat, session_in_path, was_forwarded

ID = "sess_0123456789abcdef"


def http(method: str, path: str) -> dict[str, object]:
    return {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/realtime/calls/{ID}",
        f"/v1/realtime/calls/{ID}/hangup",
        f"/whip/{ID}",
        f"/whep/{ID}",
        f"/whep/{ID}/viewer",
        f"/sessions/{ID}",
        f"/sessions/{ID}/captions.vtt",
        f"/sessions/{ID}/moments/3.jpg",
    ],
)
def test_the_session_of_a_request_is_in_its_path(path: str) -> None:
    assert session_in_path(http("GET", path)) == ID


@pytest.mark.parametrize("path", ["/sessions", "/sessions/sess_1", "/whip", "/", f"/x/{ID}"])
def test_other_requests_have_none(path: str) -> None:
    assert session_in_path(http("GET", path)) is None


def test_a_websocket_names_the_session_that_it_goes_on_with() -> None:
    scope = {"type": "websocket", "path": "/v1/realtime", "headers": []}
    assert session_in_path({**scope, "query_string": f"session={ID}".encode()}) == ID
    assert session_in_path({**scope, "query_string": b"model=gpt"}) is None
    assert opens_session(scope)


def test_a_chat_completion_names_its_session_in_the_body() -> None:
    assert session_in_chat(b'{"metadata": {"session_id" : "%s"}}' % ID.encode()) == ID
    assert session_in_chat(b'{"messages": []}') is None


def test_only_offers_of_calls_and_publishers_open_sessions() -> None:
    assert opens_session(http("POST", "/v1/realtime/calls"))
    assert opens_session(http("POST", "/whip"))
    assert not opens_session(http("OPTIONS", "/whip"))
    assert not opens_session(http("POST", f"/whip/{ID}"))


def test_a_request_goes_to_one_other_edge_at_most() -> None:
    assert was_forwarded({"headers": [(b"x-eyeline-edge", b"edge-1")]})
    assert not was_forwarded({"headers": []})
