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
    """Report whether new clients may be sent here: 503 while it is about to end, or a model hangs.

    A service without a free session is ready, as its clients need it; /health has the numbers.
    """
    context = service_context(request)
    status = "ready"
    if any(queue.hung for queue in context.models.services.queues.values()):
        status = "hung"
    if context.sessions.closed:
        status = "draining"
    return JSONResponse({"status": status}, 200 if status == "ready" else 503)
