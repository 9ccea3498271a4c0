"""The HTTP server process: binds, serves, and shuts down cleanly."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from web.app import create_app
from web.config import Settings
from web.errors import UsageError
from web.loading.models import load_models
from web.realtime.keepalive import PING_INTERVAL, PatientProtocol
from web.temporary_folder import delete_abandoned

logger = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT = 1  # seconds in which open connections must end after Ctrl-C


def serve(settings: Settings, *, banner: str | None) -> int:
    """Serve until Ctrl-C or SIGTERM; return 0. `banner` is printed when the server listens.

    Raises:
        UsageError: the address is in use, or does not belong to this machine.
    """
    delete_abandoned(settings.memory_folder)
    with bound_socket(settings) as listener, load_models(settings) as models:
        app = create_app(settings, models)
        # Without this, each full collection scans the loaded models and stops the loop for 0.2 s.
        gc.collect()
        gc.freeze()
        config = server_config(app, settings)
        host, port = listener.getsockname()[:2]
        url = f"http://{'localhost' if host in ('127.0.0.1', '::1') else host}:{port}"
        server = EyelineServer(config)
        server.app = app
        if banner is not None:
            server.banner = banner.format(url=url)
        logger.info("listening on %s", url)
        asyncio.run(server.serve(sockets=[listener]))
    return 0


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how `app` is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws=PatientProtocol,
        # Messages over the limit get an error event; those over twice the limit are cut here.
        ws_max_size=2 * settings.max_message_size,
        # Compressing and inflating messages would stop the loop, for audio that hardly shrinks, and
        # a few bytes could become gigabytes before they are counted.
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=settings.websocket_timeout,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        lifespan="on",
    )


@contextmanager
def bound_socket(settings: Settings) -> Iterator[socket.socket]:
    """Bind the socket before models are loaded: a port in use is an error at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}: "
            "end the program that listens there, or give --port"
        ) from error
    with listener:
        yield listener


class EyelineServer(uvicorn.Server):
    """Prints a banner when it listens; a second Ctrl-C does not wait for connections."""

    banner = ""
    app: FastAPI | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.banner:
            sys.stdout.write(self.banner)
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask sessions to end before their connections are closed."""
        if self.app is not None:
            self.app.state.context.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Shut down at the first signal, without raising it again as uvicorn does."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
