"""A request passed on to another edge, and its response passed back as it comes."""

import asyncio
from collections.abc import Iterable

import httpx
from starlette.types import Receive, Scope, Send

from web.cluster.proxy.routing import FORWARDED, MISDIRECTED
from web.problems import ProblemError

CONNECT_TIMEOUT = 1.0  # seconds
READ_TIMEOUT = 60.0  # seconds between two parts; streams of events have a comment every 15 s
TIMEOUTS = {
    "connect": CONNECT_TIMEOUT,
    "read": READ_TIMEOUT,
    "write": READ_TIMEOUT,
    "pool": READ_TIMEOUT,
}
MAX_CONNECTIONS = 256
OWN_HEADERS = (  # of one connection, RFC 9110, section 7.6.1; and what the next edge cannot check
    b"connection",
    b"keep-alive",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"host",
    b"origin",
    b"content-length",
)


class EdgeUnreachableError(Exception):
    """Another edge takes no connection, or ended before it answered."""


class MisdirectedError(Exception):
    """Another edge does not have the session of a request: it did nothing."""


class HttpProxy:
    """The connections to other edges, which are kept for the next requests."""

    def __init__(self) -> None:
        # Not a client of httpx: its cookies, redirects and log lines cost as much as the request.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(
                max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
            ),
            trust_env=False,
        )

    async def forward(
        self, url: str, own_id: str, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the request to the edge at `url`, and pass its response to the client.

        What `receive` has after the body is that the client has left.

        Raises:
            EdgeUnreachableError: it takes no connection, or ends before it answers.
            MisdirectedError: it does not have the session.
            ProblemError: it does not answer in time.
        """
        async with asyncio.TaskGroup() as tasks:
            passing = tasks.create_task(self._pass(url, own_id, body, scope, send), name="pass on")
            watching = tasks.create_task(_until_disconnect(receive), name="disconnect")
            watching.add_done_callback(lambda _: passing.cancel())
            try:
                problem = await passing
            except asyncio.CancelledError:
                if not watching.done():
                    raise
                return  # the client has left
            finally:
                watching.cancel()
        if problem is not None:
            raise problem

    async def close(self) -> None:
        await self._transport.aclose()

    async def _pass(
        self, url: str, own_id: str, body: bytes, scope: Scope, send: Send
    ) -> EdgeUnreachableError | MisdirectedError | ProblemError | None:
        host = url.partition("://")[2].encode()
        request = httpx.Request(
            scope["method"],
            url + target_of(scope),
            headers=[
                (b"host", host),
                *passed_on(scope["headers"]),
                *origin(scope, own_id),
                (b"content-length", str(len(body)).encode()),
            ],
            stream=httpx.ByteStream(body),
            extensions={"timeout": TIMEOUTS},
        )
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.ReadTimeout:
            return _no_answer()  # it may be doing what was asked: nobody else shall do it again
        except httpx.TransportError as error:
            return EdgeUnreachableError(str(error))
        if response.status_code == MISDIRECTED:
            await response.aclose()
            return MisdirectedError(url)
        try:
            headers = passed_on(response.headers.raw)
            start = {"type": "http.response.start", "status": response.status_code}
            await send({**start, "headers": headers})
            async for part in response.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await response.aclose()
        return None


def _no_answer() -> ProblemError:
    return ProblemError(
        504,
        f"the machine that has this session did not answer within {TIMEOUTS['read']:g} s; it may "
        "still do what was asked",
        code="no_answer_in_time",
    )


def origin(scope: Scope, own_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that say where a request came from, and that `own_id` passes it on."""
    host = (scope.get("client") or ("unknown", 0))[0]
    return [(b"x-forwarded-for", host.encode()), (FORWARDED, own_id.encode())]


def target_of(scope: Scope) -> str:
    """Return the path and query of a request."""
    path: str = scope["raw_path"].decode("ascii") if scope.get("raw_path") else scope["path"]
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that go along."""
    return [(name.lower(), value) for name, value in headers if name.lower() not in OWN_HEADERS]


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
