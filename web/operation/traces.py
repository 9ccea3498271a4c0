"""Turns as traces of OpenTelemetry, sent to a collector (OTLP over HTTP).

Each turn is a trace: a span from the end of speech to the end of the answer, with a span for each
part. They are made when the turn is over, with the times that were noted, so that a session does
nothing for them but note times.
"""

import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from media.clock import Clock
from media.events.session import Input, Output
from media.pipeline.context import Send
from web.errors import UsageError
from web.operation.turn_spans import TimedTurn, TurnSpans

if TYPE_CHECKING:  # an extra
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
PATH = "/v1/traces"  # OTLP specification, section "OTLP/HTTP Request"
EXPORT_TIMEOUT = 2.0  # seconds for the collector to take what was made
CLOSE_TIMEOUT = 0.5  # seconds for the last spans when the service ends

logger = logging.getLogger(__name__)


class TurnTraces:
    """Makes spans of turns with `provider`."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._tracer = provider.get_tracer("eyeline")

    @contextmanager
    def following(
        self, session: str, clock: Clock, source: AsyncIterable[Input], send: Send
    ) -> Iterator[tuple[AsyncIterable[Input], Send]]:
        """Yield `source` and `send` of a session that note the times of what passes."""
        spans = TurnSpans()
        origin = datetime.now(UTC).timestamp() - clock.now()

        async def noted() -> AsyncIterator[Input]:
            async for item in source:
                spans.note_input(item, clock.now())
                yield item

        async def noting(output: Output) -> None:
            for turn in spans.note_output(output, clock.now()):
                self._export(turn, session, origin)
            await send(output)

        try:
            yield noted(), noting
        finally:
            for turn in spans.finished():
                self._export(turn, session, origin)

    def _export(self, turn: TimedTurn, session: str, origin: float) -> None:
        """Make the spans of a turn; `origin` is Unix time at 0 on the session's clock."""
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        def unix(seconds: float) -> int:
            return round((origin + seconds) * 1e9)  # nanoseconds

        attributes = {"eyeline.session": session, **turn.attributes}
        root = self._tracer.start_span(
            turn.name, Context(), attributes=attributes, start_time=unix(turn.start)
        )
        inside = set_span_in_context(root, Context())
        for part in turn.parts:
            span = self._tracer.start_span(part.name, inside, start_time=unix(part.start))
            span.end(unix(part.end))
        root.end(unix(turn.end))


def check_installed(url: str | None) -> None:
    """Check that traces can be sent to `url`, if any are wanted.

    Raises:
        UsageError: OpenTelemetry is not installed.
    """
    if url is not None and not all(map(_is_there, PACKAGES)):
        raise UsageError("EYELINE_TRACES needs OpenTelemetry: pip install 'eyeline[traces]'")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


@contextmanager
def traces_to(url: str | None) -> Iterator[TurnTraces | None]:
    """Yield what sends traces to the collector at `url`, None if there is none.

    Raises:
        UsageError: OpenTelemetry is not installed.
    """
    if url is None:
        yield None
        return
    check_installed(url)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    endpoint = url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT)
    provider = provider_with(BatchSpanProcessor(exporter))
    try:
        yield TurnTraces(provider)
    finally:
        # A collector that does not answer must not hold up the end.
        closing = Thread(target=provider.shutdown, name="last traces", daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT)


def provider_with(processor: "SpanProcessor") -> "TracerProvider":
    """Return a provider of this service's spans, without what the environment sets."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    resource = Resource({"service.name": "eyeline"})
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider
