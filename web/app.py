"""The FastAPI application: its routes, its start and its shutdown."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from media.clock import LiveClock
from media.worker import Worker
from web import problems
from web.access.admission import Load
from web.access.auth import Caller, Keys
from web.access.gate import Gate
from web.config import Settings
from web.context import ServiceContext, capabilities, waiting_lines
from web.history.store import RecordingStore
from web.history.tickets import Tickets
from web.loading.models import LoadedModels
from web.operation import routes as operation
from web.page import client_files, gradio_page
from web.page.frame import GradioFrame
from web.realtime import websocket as realtime
from web.rebuilding import Rebuilder
from web.rest import (
    credentials,
    openapi,
    service_info,
    sessions,
    speech,
    transcriptions,
)
from web.rest import recordings as recordings_routes
from web.rest.chat import routes as chat
from web.sessions import Sessions
from web.signaling import calls, whep, whip

logger = logging.getLogger(__name__)

EXPOSED_HEADERS = ("Location", "ETag", "Link", "Retry-After", "Accept-Post", "Accept-Patch")
MESSAGE_THREADS = 2  # one long message does not hold up those of everybody else
CLOSE_TIMEOUT = 0.8  # seconds in which calls must end when the service does


def create_app(
    settings: Settings, models: LoadedModels, frame: GradioFrame | None = None
) -> FastAPI:
    """Return the service; with Gradio's `frame`, it has the page at "/"."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        clock = LiveClock()
        file_worker, message_worker = Worker("files"), Worker("messages", threads=MESSAGE_THREADS)
        key = settings.api_key.get_secret_value() if settings.api_key else None
        loop = asyncio.get_running_loop()
        recordings = RecordingStore(settings.recordings)
        try:
            async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as tasks:
                context = ServiceContext(
                    settings=settings,
                    models=models,
                    capabilities=capabilities(settings, models),
                    sessions=Sessions(
                        settings.sessions,
                        clock,
                        retention=settings.captions_kept,
                        per_secret=settings.secret_sessions,
                        patience=settings.resume_timeout,
                        load=Load(models.services.speech_wait, settings.busy),
                    ),
                    keys=Keys(key),
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
                )
                tasks.create_task(recordings.sweep(), name="sweep recordings")
                async with _in_cluster(context, app) as app.state.context:
                    yield
                context.close()
                deadline.reschedule(loop.time() + CLOSE_TIMEOUT)
        except TimeoutError:
            logger.warning("cut off calls that had not ended after %.1f s", CLOSE_TIMEOUT)
        finally:
            file_worker.close()
            message_worker.close()
            recordings.close()

    app = FastAPI(
        title="eyeline",
        lifespan=lifespan,
        docs_url=None,  # they load scripts from another site
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # the table of routes has each path as it is
    )
    for endpoints in (
        realtime,
        calls,
        whip,
        whep,
        service_info,
        operation,
        credentials,
        sessions,
        recordings_routes,
        chat,
        transcriptions,
        speech,
    ):
        app.include_router(endpoints.router)
    openapi.install(app)
    problems.install_error_handlers(app)
    if settings.cluster is not None:
        from web.cluster.forwarding import Forwarding

        app.add_middleware(Forwarding, service=app)
    app.add_middleware(Gate, settings=settings, authenticate=partial(_authenticate, app))
    if settings.cluster is not None:
        from web.cluster.shared_secrets import SharedSecrets

        app.add_middleware(SharedSecrets, service=app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=list(EXPOSED_HEADERS),
    )
    app.mount("/static", client_files.ClientFiles(), name="static")
    if frame is not None:
        gradio_page.add_routes(app, frame, settings.origins)
    return app


@asynccontextmanager
async def _in_cluster(context: ServiceContext, app: FastAPI) -> AsyncIterator[ServiceContext]:
    """Yield `context` as part of the cluster that its settings name, if they name one."""
    if context.settings.cluster is None:
        yield context
        return
    from web.cluster.edge import joined

    async with joined(context, app.state.listening) as joining:
        yield joining


def _authenticate(app: FastAPI, key: str | None) -> Caller:
    context = app.state.context
    assert isinstance(context, ServiceContext)
    return context.keys.authenticate(key, now=context.clock.now())
