"""GET /metrics and /ready, for monitoring and for load balancers."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from web.context import service_context
from web.operation.metrics import exposition

router = APIRouter()


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Report the metrics of the service in the text format of Prometheus."""
    return Response(exposition(service_context(request)), media_type=CONTENT_TYPE_LATEST)


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Report whether new clients may be sent here: 503 while the service is about to end.

    A service without a free session is ready, as its clients need it; /health has the numbers.
    """
    draining = service_context(request).sessions.closed
    status = "draining" if draining else "ready"
    return JSONResponse({"status": status}, 503 if draining else 200)
