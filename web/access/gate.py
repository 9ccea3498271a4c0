"""The gate before every route: what it does not let through reaches no application code.

It checks Host, finds the route in the table, checks Origin, the key and what it may do, counts the
request, and bounds the body. Routes read from the request's state who sent it. Once a key is
revoked, nothing more is sent to its holder. Each request that is not for anybody leaves one audit
line, whoever answers it.
"""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.access.auth import Caller, bearer_token, subprotocol_key
from web.access.bounded_body import BodyLimits, BoundedBody
from web.access.client_address import FROM_PROXY, Proxies, parse_address
from web.access.doorkeeper import Doorkeeper
from web.access.hosts import HostRules
from web.access.in_progress import RequestsInProgress
from web.access.routes import WEBSOCKET, RouteTable, Rule, max_body
from web.config import Settings
from web.problems import CODE, ProblemError, problem_response

Learn = Callable[[str, str], Awaitable[None]]  # what a key from an address may be

CALLER = "caller"  # its place in the request's state
POLICY = 1008  # close code of a connection whose key was revoked, RFC 6455, section 7.4.1
STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


@dataclass(slots=True)
class _Arrival:
    """A request at the gate: what is known of it when its audit line is written (`noted`)."""

    address: str
    method: str
    rule: Rule | None = None
    caller: Caller | None = None
    noted: bool = False


async def _nothing(given: str, address: str) -> None:
    """Learn nothing of a key: all that is valid is known here."""


class Gate:
    """Middleware that lets through what the table of routes allows to the caller.

    `learn` is awaited before a key is looked at: another machine may know it. It may refuse one.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        doorkeeper: Doorkeeper,
        now: Callable[[], float],
        learn: Learn = _nothing,
    ) -> None:
        self._app = app
        self._learn = learn
        self._now = now  # on the service's clock
        self._settings = settings
        self._in_progress = RequestsInProgress(settings.secret_requests)
        self._doorkeeper = doorkeeper
        self._table = RouteTable()
        self._proxies = Proxies.parse(settings.proxies)
        self._hosts = HostRules(settings.hosts, settings.origins, any_host=settings.needs_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        arrival = _Arrival(self._proxies.client(scope), method)
        answer = self._watched(scope, arrival, send)
        try:
            with ExitStack() as places:
                try:
                    rule = await self._admit(scope, arrival)
                    places.enter_context(self._in_progress.place(arrival.caller))
                except ProblemError as problem:
                    await refuse(problem, scope, receive, answer)
                    return
                if scope["type"] == "http":
                    await self._pass_on(rule, scope, receive, answer)
                else:
                    await self._app(scope, self._heard(arrival, receive), answer)
        finally:
            if not arrival.noted:  # it failed: the answer is made outside
                self._note(scope, arrival, HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _admit(self, scope: Scope, arrival: _Arrival) -> Rule:
        """Return the rule of a request that is allowed; its caller is in its state then.

        Raises:
            ProblemError: it is not.
        """
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        peer = parse_address((scope.get("client") or ("", 0))[0])
        state[FROM_PROXY] = self._proxies.trusts(peer)
        arrival.rule = self._table.known(arrival.method, scope["path"])
        self._hosts.check_host(headers, (scope.get("server") or ("", 0))[0])
        rule = arrival.rule or self._table.find(arrival.method, scope["path"])
        if not rule.any_origin:
            self._hosts.check_origin(headers)
        if rule.scope is not None:
            given = bearer_token(headers) or subprotocol_key(scope.get("subprotocols", []))
            await self._learn(given or "", arrival.address)
            caller = self._doorkeeper.authenticate(given, now=self._now(), address=arrival.address)
            arrival.caller = state[CALLER] = caller
            self._doorkeeper.count_request(caller)
            if rule.scope not in caller.scopes:
                raise _not_in_scope(caller, rule)
        return rule

    def _watched(self, scope: Scope, arrival: _Arrival, send: Send) -> Send:
        """Return `send` that writes the audit line, and ends a stream once the key is revoked."""
        cut = False

        async def answer(message: Message) -> None:
            nonlocal cut
            if message["type"] in STARTS:
                self._note(scope, arrival, int(message.get("status", 101)))
            elif cut:
                return
            elif self._is_revoked(arrival):
                if message["type"] == "websocket.send":
                    raise OSError("the key was revoked")  # as if the client had left
                if message.get("more_body", False):
                    cut, message = True, {"type": "http.response.body", "body": b""}
            await send(message)

        return answer

    def _heard(self, arrival: _Arrival, receive: Receive) -> Receive:
        """Return `receive` of a WebSocket that ends once the key is revoked."""

        async def received() -> Message:
            message = await receive()
            if self._is_revoked(arrival):
                return {"type": "websocket.disconnect", "code": POLICY}
            return message

        return received

    def _is_revoked(self, arrival: _Arrival) -> bool:
        keys, caller = self._doorkeeper.keys, arrival.caller
        return caller is not None and not keys.is_current(caller, now=self._now())

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
            await refuse(body.problem, scope, receive, send)

    def _note(self, scope: Scope, arrival: _Arrival, status: int) -> None:
        """Write the audit line of a request for a route that is not for anybody."""
        arrival.noted = True
        if arrival.rule is None or arrival.rule.scope is None:
            return
        self._doorkeeper.audit.request(
            "unknown" if arrival.caller is None else arrival.caller.name,
            arrival.address,
            arrival.method,
            arrival.rule.path,
            status,
            code=scope["state"].get(CODE),
            session=scope.get("path_params", {}).get("id"),
        )


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who sent a request that passed the gate; routes for anybody have no caller."""
    caller = connection.scope["state"][CALLER]
    assert isinstance(caller, Caller)
    return caller


def _not_in_scope(caller: Caller, rule: Rule) -> ProblemError:
    assert rule.scope is not None
    allowed = ", ".join(sorted(caller.scopes)) or "nothing"
    if caller.secret is not None:
        detail, code = f"this client secret is for {allowed}", "secret_not_allowed"
    else:
        detail, code = f"this key is for {allowed}", "key_not_allowed"
    return ProblemError(
        403,
        f"{detail}: this needs a key with the scope {rule.scope}",
        code=code,
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{rule.scope}"'},
    )


async def refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request or the handshake of a WebSocket with `problem`."""
    scope.setdefault("state", {})[CODE] = problem.code
    response = problem_response(problem)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
