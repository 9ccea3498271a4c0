"""The gate before every route: what it does not let through reaches no application code.

It checks Host, finds the route in the table, checks Origin and the key, and bounds the body. Routes
read from the request's state who sent it.
"""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.access.auth import Caller, bearer_token, subprotocol_key
from web.access.bounded_body import BodyLimits, BoundedBody
from web.access.hosts import HostRules
from web.access.routes import WEBSOCKET, Access, RouteTable, Rule, max_body
from web.config import Settings
from web.problems import ProblemError, problem_response

CALLER = "caller"  # its place in the request's state

Authenticate = Callable[[str | None], Caller]


class Gate:
    """Middleware that lets through what the table of routes allows to the caller."""

    def __init__(self, app: ASGIApp, settings: Settings, authenticate: Authenticate) -> None:
        self._app = app
        self._settings = settings
        self._authenticate = authenticate
        self._table = RouteTable()
        self._hosts = HostRules(
            settings.hosts, settings.origins, any_host=settings.api_key is not None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            rule = self._admit(scope)
        except ProblemError as problem:
            await _refuse(problem, scope, receive, send)
            return
        if scope["type"] == "http":
            await self._pass_on(rule, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> Rule:
        """Return the rule of a request that is allowed; its caller is in its state then.

        Raises:
            ProblemError: it is not.
        """
        headers = Headers(scope=scope)
        self._hosts.check_host(headers, (scope.get("server") or ("", 0))[0])
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        rule = self._table.find(method, scope["path"])
        if not rule.any_origin:
            self._hosts.check_origin(headers)
        if rule.access is not Access.ANYBODY:
            key = bearer_token(headers) or subprotocol_key(scope.get("subprotocols", []))
            caller = self._authenticate(key)
            if rule.access is Access.KEY and caller.secret is not None:
                raise ProblemError(
                    403,
                    "a client secret only opens sessions and reaches its own: this needs the key",
                    code="secret_not_allowed",
                )
            scope.setdefault("state", {})[CALLER] = caller
        return rule

    async def _pass_on(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application on a bounded body; a body beyond its bounds gets their answer."""
        size, advice = max_body(self._settings, rule.body)
        settings = self._settings
        limits = BodyLimits(size, advice, settings.body_timeout, settings.body_pace)
        declared = Headers(scope=scope).get("content-length", "")
        body = BoundedBody(receive, limits, declared=declared)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if started or body.problem is None:
                started = True
                await send(message)

        if body.problem is None:
            await self._app(scope, body.receive, answer)
        if body.problem is not None and not started:
            await problem_response(body.problem)(scope, receive, send)


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who sent a request that passed the gate; routes for anybody have no caller."""
    caller = connection.scope["state"][CALLER]
    assert isinstance(caller, Caller)
    return caller


async def _refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem_response(problem)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
