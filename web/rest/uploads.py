"""Bodies of requests: none larger than the service takes, told before it is read where possible."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import ProblemError, problem_response


class BodyLimit:
    """Middleware that answers 413 to a body larger than `largest` bytes."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isdigit() and int(told) > self._largest:
            await problem_response(self._problem())(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._largest:
                raise self._problem()
            return message

        await self._app(scope, counted, send)

    def _problem(self) -> ProblemError:
        return ProblemError(
            413,
            f"the body is larger than {self._largest} bytes, the most that this service takes: "
            "send a shorter or compressed file, or raise EYELINE_MAX_UPLOAD_SIZE",
            code="body_too_large",
        )
