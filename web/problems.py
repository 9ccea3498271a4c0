"""Errors as HTTP responses: problem JSON (RFC 9457), with the `error` that OpenAI's SDKs read."""

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from web.errors import WebError

logger = logging.getLogger(__name__)

CODE = "code"  # of the problem that answers a request: its place in the request's state
MEDIA_TYPE = "application/problem+json"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


class ProblemError(WebError):
    """A request that fails: `detail` says why, and what to do."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.param = param
        self.headers = dict(headers or {})


def problem_response(problem: ProblemError) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "error": error_fields(problem),
    }
    return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA_TYPE)


def error_fields(problem: ProblemError) -> dict[str, Any]:
    """Return the `error` that OpenAI's SDKs read."""
    kind = "invalid_request_error" if problem.status < 500 else "server_error"
    fields = {"message": problem.detail, "type": kind}
    return {**fields, "code": problem.code, "param": problem.param}


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of `app`'s routes a problem response."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _incomplete)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(OSError, _exhausted)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return _answer(request, error)


def _answer(request: Request, problem: ProblemError) -> Response:
    """Return the response to a request, whose state has the code for the audit line then."""
    request.scope.setdefault("state", {})[CODE] = problem.code
    return problem_response(problem)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"nothing is at {request.url.path}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method} is not allowed here: use {allowed}"
    return problem_response(ProblemError(error.status_code, detail, headers=error.headers))


async def _incomplete(request: Request, error: Exception) -> Response:
    del request, error
    return problem_response(ProblemError(408, "the request body did not arrive completely"))


async def _validation(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    param = ".".join(str(step) for step in problem["loc"][1:])
    message = f"{param}: {problem['msg']}" if param else str(problem["msg"])
    return problem_response(ProblemError(HTTPStatus.BAD_REQUEST, message, param=param or None))


async def _exhausted(request: Request, error: Exception) -> Response:
    """Answer a request for which the disk is full, or no descriptor or memory is left."""
    assert isinstance(error, OSError)
    if error.errno in NO_SPACE:
        detail = "the disk of the service is full: try again later, or send a smaller file"
        problem = ProblemError(507, detail, code="disk_full")  # RFC 4918, section 11.5
    elif error.errno in NO_RESOURCES:
        detail = "the service is out of files or memory for this request: try again later"
        problem = ProblemError(503, detail, code="out_of_resources", headers={"Retry-After": "5"})
    else:
        raise error
    logger.error("%s %s: %s", request.method, request.url.path, error)
    return _answer(request, problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    """Answer 500; uvicorn logs the error with its traceback."""
    logger.error("%s %s failed: %r", request.method, request.url.path, error)
    return problem_response(
        ProblemError(500, "the service failed to handle this request; see its log")
    )
