"""Half-sent requests to the service as it is served."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse

import pytest

from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.access.routes import RULES
from web.config import Settings

pytestmark = pytest.mark.slow

# without a body, or what they are about is looked for first
WITHOUT_BODY = ("/hangup", "/whep/{id}", "/recordings/{id}/video")
WITH_BODY = [
    rule.path for rule in RULES if rule.methods == "POST" and not rule.path.endswith(WITHOUT_BODY)
]
KINDS = {
    "/v1/realtime/calls": "application/sdp",
    "/whip": "application/sdp",
    "/v1/audio/transcriptions": "multipart/form-data; boundary=x",
    "/v1/audio/translations": "multipart/form-data; boundary=x",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(body_timeout=0.1, head_timeout=0.1, max_message_size=1_000_000)
    with scripted_models() as models, served(settings, models) as service:
        yield service


def send(service: Served, data: bytes) -> tuple[int, bytes]:
    """Send `data` and nothing more; return the status and body of the response."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
        client.sendall(data)
        response = HTTPResponse(client)
        response.begin()
        return response.status, response.read()


@pytest.mark.parametrize("path", WITH_BODY)
@pytest.mark.parametrize("length", ["Content-Length: 200000", "Transfer-Encoding: chunked"])
def test_half_of_a_body_is_refused_after_its_time(service: Served, path: str, length: str) -> None:
    kind = KINDS.get(path, "application/json")
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
    part = "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + "a" * 100
    if "chunked" in length:
        part = f"{len(part):x}\r\n{part}\r\n"
    status, answer = send(service, (head + part).encode())
    assert status == 408
    assert json.loads(answer)["error"]["code"] == "body_too_slow"


def test_no_body_is_waited_for_that_is_not_allowed() -> None:
    with scripted_models() as models, served(Settings(api_key="sesame"), models) as service:
        for path in WITH_BODY:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"
            assert send(service, head.encode() + b"half")[0] == 401
        head = f"POST {WITH_BODY[0]} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n"
        key = "Authorization: Bearer sesame\r\n\r\n"
        assert send(service, (head + key).encode())[0] == 413


def test_half_of_a_head_is_refused_after_its_time(service: Served) -> None:
    assert send(service, b"GET /health HTTP/1.1\r\nHost: ")[0] == 408


def test_a_head_without_end_is_refused(service: Served) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: a\r\n" * 20_000
    with suppress(ConnectionError):  # the service has closed it before all was sent
        assert send(service, head)[0] in (400, 431)
