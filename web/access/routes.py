"""The table of routes: who may use each, and how large its request may be.

The gate serves nothing that is not in this table; a test compares it with the routes of the served
application, both ways.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.routing import compile_path

from web.config import Settings
from web.problems import ProblemError

WEBSOCKET = "WEBSOCKET"  # in the place of a method
SMALL_BODY = 262_144  # bytes of JSON, or of an SDP offer with a session


class Access(enum.Enum):
    """Who may use a route."""

    ANYBODY = "anybody"
    OWN = "the key, or a client secret for what belongs to its own sessions"
    KEY = "the key alone"


class Body(enum.Enum):
    """The kind of a request's body, which has a largest size."""

    SMALL = "JSON or an SDP offer"
    MESSAGE = "a chat completion with images"
    UPLOAD = "a media file"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use `path`, a template as of Starlette's routes, with any of `methods`.

    `any_origin`: pages of any site may load it, as nothing in it belongs to anybody.
    """

    methods: str
    path: str
    access: Access
    body: Body = Body.SMALL
    any_origin: bool = False


RULES = (
    Rule(WEBSOCKET, "/v1/realtime", Access.OWN),
    Rule("POST", "/v1/realtime/calls", Access.OWN),
    Rule("POST PATCH DELETE", "/v1/realtime/calls/{id}", Access.OWN),
    Rule("POST", "/v1/realtime/calls/{id}/hangup", Access.OWN),
    Rule("POST", "/v1/realtime/client_secrets", Access.KEY),
    Rule("OPTIONS", "/whip", Access.ANYBODY),
    Rule("POST", "/whip", Access.OWN),
    Rule("POST PATCH DELETE", "/whip/{id}", Access.OWN),
    Rule("OPTIONS", "/whep/{id}", Access.ANYBODY),
    Rule("POST", "/whep/{id}", Access.OWN),
    Rule("PATCH DELETE", "/whep/{id}/{viewer}", Access.OWN),
    Rule("GET", "/ice-servers", Access.OWN),
    Rule("POST", "/v1/audio/transcriptions", Access.KEY, Body.UPLOAD),
    Rule("POST", "/v1/audio/translations", Access.KEY, Body.UPLOAD),
    Rule("POST", "/v1/audio/speech", Access.KEY),
    Rule("POST", "/v1/chat/completions", Access.OWN, Body.MESSAGE),
    Rule("GET", "/v1/models", Access.KEY),
    Rule("GET", "/v1/models/{name}", Access.KEY),
    Rule("GET", "/sessions", Access.OWN),
    Rule("GET DELETE", "/sessions/{id}", Access.OWN),
    Rule("GET", "/sessions/{id}/captions", Access.OWN),
    Rule("GET", "/sessions/{id}/captions.{format}", Access.OWN),
    Rule("GET", "/sessions/{id}/history", Access.OWN),
    Rule("GET", "/sessions/{id}/moments", Access.OWN),
    Rule("GET", "/sessions/{id}/moments/{number}.jpg", Access.OWN),
    Rule("GET", "/recordings", Access.OWN),
    Rule("GET DELETE", "/recordings/{id}", Access.OWN),
    Rule("GET", "/recordings/{id}/history", Access.OWN),
    Rule("GET", "/recordings/{id}/captions.{format}", Access.OWN),
    Rule("POST DELETE", "/recordings/{id}/rebuild", Access.OWN),
    Rule("POST", "/recordings/{id}/video", Access.OWN),
    Rule("GET", "/playback/{ticket}", Access.ANYBODY),
    Rule("GET", "/health", Access.ANYBODY),
    Rule("GET", "/ready", Access.ANYBODY),
    Rule("GET", "/metrics", Access.KEY),
    Rule("GET HEAD", "/openapi.json", Access.ANYBODY),
    Rule("GET HEAD", "/static/js/{path:path}", Access.ANYBODY),
    Rule("GET HEAD", "/static/{path:path}", Access.ANYBODY, any_origin=True),
    Rule("GET HEAD", "/", Access.ANYBODY),
    Rule("GET HEAD", "/theme.css", Access.ANYBODY),
    Rule("GET HEAD", "/favicon.ico", Access.ANYBODY),
    Rule("GET HEAD", "/assets/{path:path}", Access.ANYBODY),
)


class RouteTable:
    """Finds the rule of a request."""

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        self._rules = [(compile_path(rule.path)[0], rule) for rule in rules]

    def find(self, method: str, path: str) -> Rule:
        """Return the rule of `method` on `path`.

        Raises:
            ProblemError: nothing is at `path`, or `method` is not for it.
        """
        rules = list(self._matching(path))
        for rule in rules:
            if method in rule.methods.split():
                return rule
        if not rules or method == WEBSOCKET:
            raise ProblemError(404, f"nothing is at {path[:200]}")
        allowed = [each for rule in rules for each in rule.methods.split()]
        if allowed == [WEBSOCKET]:
            raise ProblemError(
                426,
                f"{path} is a WebSocket: connect to it with ws:// or wss://",
                headers={"Upgrade": "websocket"},
            )
        offered = ", ".join(allowed)
        raise ProblemError(
            405, f"{method[:20]} is not allowed here: use {offered}", headers={"Allow": offered}
        )

    def _matching(self, path: str) -> Iterator[Rule]:
        return (rule for pattern, rule in self._rules if _matches(pattern, path))


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    return pattern.fullmatch(path) is not None  # `$` also matches before a last line break


def max_body(settings: Settings, body: Body) -> tuple[int, str]:
    """Return the largest size of a request's body in bytes, and what to do about a larger one."""
    match body:
        case Body.SMALL:
            return SMALL_BODY, "send less"
        case Body.MESSAGE:
            advice = "send fewer or smaller images, or raise EYELINE_MAX_MESSAGE_SIZE"
            return settings.max_message_size, advice
        case Body.UPLOAD:
            advice = "send a shorter or compressed file, or raise EYELINE_MAX_UPLOAD_SIZE"
            return settings.max_upload_size, advice
