"""The limit on request bodies, checked before the body is read if Content-Length is set.

FastAPI's `max_body_size` answers a too large Content-Length in plain text and without CORS headers,
whatever error handlers are installed; clients of this service get a problem and its code.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import ProblemError, problem_response


class BodyLimit:
    """Middleware that answers 413 to a body larger than `max_size` bytes."""

    def __init__(self, app: ASGIApp, max_size: int) -> None:
        self._app = app
        self._max_size = max_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._max_size:
            await problem_response(self._problem())(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_size:
                raise self._problem()
            return message

        await self._app(scope, counted, send)

    def _problem(self) -> ProblemError:
        return ProblemError(
            413,
            f"the body is larger than the limit of {self._max_size} bytes: "
            "send a shorter or compressed file, or raise EYELINE_MAX_UPLOAD_SIZE",
            code="body_too_large",
        )
