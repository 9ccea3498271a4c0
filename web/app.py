"""The FastAPI application: its routes, its start and its shutdown."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from media.clock import LiveClock
from media.worker import Worker
from web import problems
from web.access.doorkeeper import Doorkeeper
from web.access.gate import Gate
from web.config import Settings
from web.context import (
    ServiceContext,
    SessionTraces,
    capabilities,
    service_sessions,
    waiting_lines,
)
from web.history.store import RecordingStore
from web.history.tickets import Tickets
from web.loading.models import LoadedModels
from web.operation import routes as operation
from web.operation.enforcement import enforce, save
from web.operation.traces import traces_to
from web.page import client_files, gradio_page
from web.page.frame import GradioFrame
from web.realtime import websocket as realtime
from web.rebuilding import Rebuilder
from web.rest import about, credentials, openapi, service_info, sessions, speech
from web.rest import recordings as recordings_routes
from web.rest.chat import routes as chat
from web.rest.transcription import transcriptions
from web.service_tasks import ServiceTasks
from web.signaling import calls, whep, whip

logger = logging.getLogger(__name__)

EXPOSED_HEADERS = ("Location", "ETag", "Link", "Retry-After", "Accept-Post", "Accept-Patch")
MESSAGE_THREADS = 2  # one long message does not hold up those of everybody else
CLOSE_TIMEOUT = 0.8  # seconds in which calls must end when the service does


ROUTERS = (
    realtime.router,
    calls.router,
    whip.router,
    whep.router,
    service_info.router,
    about.router,
    operation.router,
    credentials.router,
    sessions.router,
    recordings_routes.router,
    chat.router,
    transcriptions.router,
    speech.router,
)


def create_app(
    settings: Settings, models: LoadedModels, frame: GradioFrame | None = None
) -> FastAPI:
    """Return the service; with Gradio's `frame`, it has the page at "/".

    Raises:
        KeyFileError: the file of keys cannot be used.
    """
    doorkeeper = Doorkeeper.of(settings)
    app = FastAPI(
        title="eyeline",
        lifespan=partial(_lifespan, settings, models, doorkeeper),
        docs_url=None,  # they load scripts from another site
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # the table of routes has each path as it is
    )
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    problems.install_error_handlers(app)
    _add_middleware(app, settings, doorkeeper)
    app.mount("/static", client_files.ClientFiles(), name="static")
    if frame is not None:
        gradio_page.add_routes(app, frame, settings.origins)
    return app


def _add_middleware(app: FastAPI, settings: Settings, doorkeeper: Doorkeeper) -> None:
    """Add what each request passes through; the last is the first that it comes to."""
    in_cluster: dict[str, Any] = {}
    if settings.cluster is not None:
        from web.cluster.proxy.forwarding import Forwarding
        from web.cluster.proxy.shared_secrets import learning

        app.add_middleware(Forwarding, service=app)
        in_cluster["learn"] = learning(app, doorkeeper)
    now = partial(_now, app)
    app.add_middleware(Gate, settings=settings, doorkeeper=doorkeeper, now=now, **in_cluster)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=list(EXPOSED_HEADERS),
    )


@asynccontextmanager
async def _lifespan(
    settings: Settings, models: LoadedModels, doorkeeper: Doorkeeper, app: FastAPI
) -> AsyncIterator[None]:
    """Run the service, with traces if they are wanted."""
    with traces_to(settings.traces) as traces:
        async with _running(settings, models, doorkeeper, traces, app):
            yield


@asynccontextmanager
async def _running(
    settings: Settings,
    models: LoadedModels,
    doorkeeper: Doorkeeper,
    traces: SessionTraces | None,
    app: FastAPI,
) -> AsyncIterator[None]:
    """Create what the routes share, and end what runs when the service does."""
    file_worker, message_worker = Worker("files"), Worker("messages", threads=MESSAGE_THREADS)
    loop = asyncio.get_running_loop()
    recordings = RecordingStore(settings.recordings)
    try:
        async with asyncio.timeout(None) as deadline, ServiceTasks() as tasks:
            clock = LiveClock()
            context = ServiceContext(
                settings=settings,
                models=models,
                capabilities=capabilities(settings, models),
                sessions=service_sessions(settings, models, doorkeeper, clock),
                doorkeeper=doorkeeper,
                clock=clock,
                file_worker=file_worker,
                message_worker=message_worker,
                tasks=tasks,
                closing=threading.Event(),
                lines=waiting_lines(settings),
                ended_session_lock=asyncio.Lock(),
                recordings=recordings,
                rebuilder=Rebuilder(settings, models, recordings, tasks),
                tickets=Tickets(),
                traces=traces,
            )
            tasks.create_task(recordings.sweep(), name="sweep recordings")
            async with _in_cluster(context, app) as app.state.context:
                enforcing = tasks.create_task(enforce(app.state.context), name="enforce limits")
                yield
                enforcing.cancel()
                await save(app.state.context)
            context.close()
            deadline.reschedule(loop.time() + CLOSE_TIMEOUT)
    except TimeoutError:
        logger.warning("cut off calls that had not ended after %.1f s", CLOSE_TIMEOUT)
    finally:
        file_worker.close()
        message_worker.close()
        recordings.close()


@asynccontextmanager
async def _in_cluster(context: ServiceContext, app: FastAPI) -> AsyncIterator[ServiceContext]:
    """Yield `context` as part of the cluster that its settings name, if they name one."""
    if context.settings.cluster is None:
        yield context
        return
    from web.cluster.joining import joined

    async with joined(context, app.state.listening) as joining:
        yield joining


def _now(app: FastAPI) -> float:
    """Return the time on the service's clock; no request comes before it starts."""
    context: ServiceContext = app.state.context
    return context.clock.now()
