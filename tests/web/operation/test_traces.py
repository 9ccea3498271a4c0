"""Traces of turns, in memory and at a receiver of OTLP, of the service as it is served."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import websockets

from tests.patience import PATIENCE
from tests.web.operation.test_operation import ask_aloud
from tests.web.served import scripted_models, served
from web.config import Settings
from web.errors import UsageError
from web.operation.traces import TurnTraces, check_installed, provider_with, traces_to

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
wire = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

PARTS = [
    *("end_of_turn", "caption", "to_question", "retrieval"),
    *("first_token", "first_sound", "rest"),
]


async def test_a_spoken_question_is_a_trace_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = memory.InMemorySpanExporter()

    @contextmanager
    def in_memory(_: str | None) -> Iterator[TurnTraces]:
        yield TurnTraces(provider_with(export.SimpleSpanProcessor(kept)))

    monkeypatch.setattr("web.app.traces_to", in_memory)
    with scripted_models() as models, served(Settings(), models) as service:
        async with websockets.connect(f"{service.ws}/v1/realtime") as client:
            await ask_aloud(client)
    [root] = [span for span in kept.get_finished_spans() if span.parent is None]
    inside = [span for span in kept.get_finished_spans() if span.parent is not None]
    assert root.name == "turn"
    assert root.resource.attributes["service.name"] == "eyeline"
    assert root.attributes["eyeline.session"].startswith("sess_")
    assert root.attributes["eyeline.status"] == "completed"
    assert [span.name for span in inside] == PARTS
    assert {span.parent.span_id for span in inside} == {root.context.span_id}
    assert {span.context.trace_id for span in inside} == {root.context.trace_id}
    assert inside[0].start_time == root.start_time
    assert inside[-1].end_time == root.end_time
    assert all(a.end_time == b.start_time for a, b in pairwise(inside))


@contextmanager
def receiver() -> Iterator[tuple[str, "Queue[tuple[str, Any]]"]]:
    """Yield the URL of a receiver of OTLP over HTTP, and what it gets: paths and messages."""
    received: Queue[tuple[str, Any]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((self.path, wire.ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, name="receiver")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_collector_gets_the_traces_when_the_service_ends_at_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.operation.traces.CLOSE_TIMEOUT", PATIENCE)
    with receiver() as (url, received):
        with scripted_models() as models, served(Settings(traces=url), models) as service:
            async with websockets.connect(f"{service.ws}/v1/realtime") as client:
                await ask_aloud(client)
        path, message = received.get(timeout=PATIENCE)
    assert path == "/v1/traces"
    spans = message.resource_spans[0].scope_spans[0].spans
    assert {span.name for span in spans} == {"turn", *PARTS}
    assert len({span.trace_id for span in spans}) == 1
    values = {
        each.key: each.value.string_value for each in message.resource_spans[0].resource.attributes
    }
    assert values["service.name"] == "eyeline"
    assert "one" not in str(message), "what was said"


def test_without_the_setting_nothing_of_opentelemetry_is_loaded_or_called() -> None:
    loaded = {name for name in sys.modules if name.startswith("opentelemetry.exporter")}
    with traces_to(None) as traces:
        assert traces is None
    assert {name for name in sys.modules if name.startswith("opentelemetry.exporter")} == loaded


def test_without_the_extra_the_setting_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.operation.traces.PACKAGES", ("opentelemetry.none.at.all",))
    check_installed(None)
    with pytest.raises(UsageError, match=r"eyeline\[traces\]"):
        check_installed("http://localhost:4318")
