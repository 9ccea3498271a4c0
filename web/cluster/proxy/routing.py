"""Which requests are about a session, or open one: read from the request alone."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

MISDIRECTED = 421  # status of an edge that does not have the session, RFC 9110, section 15.5.20
FORWARDED = b"x-eyeline-edge"  # names the edge that passed a request on: it goes no further
CHAT = "/v1/chat/completions"
REALTIME = "/v1/realtime"
OPENING = ("/v1/realtime/calls", "/whip")

_ABOUT = re.compile(r"/(?:v1/realtime/calls|whip|whep|sessions)/(sess_[0-9a-f]{16})(?:[/.].*)?")
_ABOUT_IN_CHAT = re.compile(rb'"session_id"\s*:\s*"(sess_[0-9a-f]{16})"')


def session_in_path(scope: Mapping[str, Any]) -> str | None:
    """Return the session that a request is about, by its path or the query of a WebSocket."""
    if scope["type"] == "websocket" and scope["path"] == REALTIME:
        named = parse_qs(scope["query_string"].decode("latin-1")).get("session", [])
        return named[0] if named else None
    found = _ABOUT.fullmatch(scope["path"])
    return found[1] if found else None


def session_in_chat(body: bytes) -> str | None:
    """Return the session that a chat completion asks about."""
    found = _ABOUT_IN_CHAT.search(body)
    return found[1].decode() if found else None


def opens_session(scope: Mapping[str, Any]) -> bool:
    """Return whether a request opens a session."""
    if scope["type"] == "websocket":
        return bool(scope["path"] == REALTIME)
    return scope["method"] == "POST" and scope["path"] in OPENING


def was_forwarded(scope: Mapping[str, Any]) -> bool:
    """Return whether another edge passed a request on."""
    return any(name == FORWARDED for name, _ in scope["headers"])
