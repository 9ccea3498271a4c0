"""The table of routes: who may use each, and how large its request may be.

The gate serves nothing that is not in this table; a test compares it with the routes of the served
application, both ways.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.routing import compile_path

from web.access.keys.scopes import KeyScope
from web.config import Settings
from web.problems import ProblemError

WEBSOCKET = "WEBSOCKET"  # in the place of a method
SMALL_BODY = 262_144  # bytes of JSON, or of an SDP offer with a session


class Body(enum.Enum):
    """The kind of a request's body, which has a largest size."""

    SMALL = "JSON or an SDP offer"
    MESSAGE = "a chat completion with images"
    UPLOAD = "a media file"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use `path`, a template as of Starlette's routes, with any of `methods`.

    A caller needs `scope`; None is for anybody, without a key. `any_origin`: pages of any site may
    load it, as nothing in it belongs to anybody.
    """

    methods: str
    path: str
    scope: KeyScope | None
    body: Body = Body.SMALL
    any_origin: bool = False


RULES = (
    Rule(WEBSOCKET, "/v1/realtime", KeyScope.SESSIONS),
    Rule("POST", "/v1/realtime/calls", KeyScope.SESSIONS),
    Rule("POST PATCH DELETE", "/v1/realtime/calls/{id}", KeyScope.SESSIONS),
    Rule("POST", "/v1/realtime/calls/{id}/hangup", KeyScope.SESSIONS),
    Rule("POST", "/v1/realtime/client_secrets", KeyScope.SECRETS),
    Rule("DELETE", "/v1/realtime/client_secrets/{secret}", KeyScope.SECRETS),
    Rule("OPTIONS", "/whip", None),
    Rule("POST", "/whip", KeyScope.SESSIONS),
    Rule("POST PATCH DELETE", "/whip/{id}", KeyScope.SESSIONS),
    Rule("OPTIONS", "/whep/{id}", None),
    Rule("POST", "/whep/{id}", KeyScope.WATCH),
    Rule("PATCH DELETE", "/whep/{id}/{viewer}", KeyScope.WATCH),
    Rule("GET", "/ice-servers", KeyScope.WATCH),
    Rule("POST", "/v1/audio/transcriptions", KeyScope.FILES, Body.UPLOAD),
    Rule("POST", "/v1/audio/translations", KeyScope.FILES, Body.UPLOAD),
    Rule("POST", "/v1/audio/speech", KeyScope.SPEECH),
    Rule("POST", "/v1/chat/completions", KeyScope.CHAT, Body.MESSAGE),
    Rule("GET", "/v1/models", KeyScope.CHAT),
    Rule("GET", "/v1/models/{name}", KeyScope.CHAT),
    Rule("GET", "/sessions", KeyScope.WATCH),
    Rule("GET", "/sessions/{id}", KeyScope.WATCH),
    Rule("DELETE", "/sessions/{id}", KeyScope.SESSIONS),
    Rule("GET", "/sessions/{id}/captions", KeyScope.WATCH),
    Rule("GET", "/sessions/{id}/captions.{format}", KeyScope.WATCH),
    Rule("GET", "/sessions/{id}/history", KeyScope.WATCH),
    Rule("GET", "/sessions/{id}/moments", KeyScope.WATCH),
    Rule("GET", "/sessions/{id}/moments/{number}.jpg", KeyScope.WATCH),
    Rule("GET", "/recordings", KeyScope.WATCH),
    Rule("GET", "/recordings/{id}", KeyScope.WATCH),
    Rule("DELETE", "/recordings/{id}", KeyScope.SESSIONS),
    Rule("GET", "/recordings/{id}/history", KeyScope.WATCH),
    Rule("GET", "/recordings/{id}/captions.{format}", KeyScope.WATCH),
    Rule("POST DELETE", "/recordings/{id}/rebuild", KeyScope.SESSIONS),
    Rule("POST", "/recordings/{id}/video", KeyScope.WATCH),
    Rule("GET", "/playback/{ticket}", None),
    Rule("GET", "/about", None),
    Rule("GET", "/about/{path:path}", None),
    Rule("GET", "/health", None),
    Rule("GET", "/ready", None),
    Rule("GET", "/metrics", KeyScope.METRICS),
    Rule("GET HEAD", "/openapi.json", None),
    Rule("GET HEAD", "/static/js/{path:path}", None),
    Rule("GET HEAD", "/static/{path:path}", None, any_origin=True),
    Rule("GET HEAD", "/", None),
    Rule("GET HEAD", "/theme.css", None),
    Rule("GET HEAD", "/favicon.ico", None),
    Rule("GET HEAD", "/assets/{path:path}", None),
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
        if (rule := self.known(method, path)) is not None:
            return rule
        rules = list(self._matching(path))
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

    def known(self, method: str, path: str) -> Rule | None:
        """Return the rule of `method` on `path`, None where `find` raises."""
        rules = self._matching(path)
        return next((rule for rule in rules if method in rule.methods.split()), None)

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
