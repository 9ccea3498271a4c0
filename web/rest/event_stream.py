"""Server-sent events from endpoints that stream only if the request asks for it."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi.sse import EventSourceResponse, format_sse_event

UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def json_event(fields: Mapping[str, Any]) -> bytes:
    """Return an event whose data is `fields` as JSON."""
    return format_sse_event(data_str=json.dumps(fields, ensure_ascii=False))


def event_stream(events: AsyncIterator[bytes]) -> EventSourceResponse:
    """Return a response that sends `events` as they come."""
    return EventSourceResponse(events, headers=UNBUFFERED)
