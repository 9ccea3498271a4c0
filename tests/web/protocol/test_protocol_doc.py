"""docs/protocol.md is true: its examples are what clients send and take, and none is missing."""

import json
import re
from typing import Any

from fastapi.routing import APIRoute, APIWebSocketRoute

from tests.paths import ROOT
from tests.web.openai_sdk import MODELS, check
from web.protocol.client_events.messages import TYPES, parse
from web.realtime import websocket as realtime
from web.rest import about, credentials, recordings, service_info, sessions, speech
from web.rest.chat import routes as chat
from web.rest.transcription import transcriptions
from web.signaling import calls, whep, whip

DOCUMENT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
]
SOURCES = ROOT / "web"


def test_every_client_event_has_a_valid_example() -> None:
    client_events = [example for example in EXAMPLES if "event_id" not in example]
    for example in client_events:
        parse(json.dumps(example))
    assert sorted({example["type"] for example in client_events}) == list(TYPES)


def test_every_server_event_has_an_example_that_the_sdk_accepts() -> None:
    server_events = [example for example in EXAMPLES if "event_id" in example]
    check(server_events)
    files = [path for path in SOURCES.rglob("*.py") if "operation" not in path.parts]  # of traces
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    named = set(re.findall(r'"((?:[a-z_]+\.)+[a-z_]+)"', text))
    spoken = {name for name in named if name in MODELS or name.startswith("eyeline.")}
    spoken -= set(TYPES)
    spoken -= {
        key for one in server_events for key in one.get("response", {}).get("metadata") or {}
    }
    assert spoken - {example["type"] for example in server_events} == set()


def test_every_route_is_in_the_document() -> None:
    rest = (about, service_info, credentials, sessions, recordings, chat, transcriptions, speech)
    for endpoints in (realtime, calls, whip, whep, *rest):
        for route in endpoints.router.routes:
            assert isinstance(route, APIRoute | APIWebSocketRoute)
            path = (
                route.path.replace("/hangup", "")
                .replace(".{format}", ".vtt")
                .replace(":path}", "}")
            )
            assert path in DOCUMENT, path
