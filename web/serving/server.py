"""The server process's uvicorn, as `eyeline serve` runs it."""

import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from web.config import Settings
from web.errors import UsageError
from web.operation.draining import Draining
from web.realtime.keepalive import PING_INTERVAL, PatientProtocol
from web.serving.connections import Connections, connection_limit
from web.serving.http_protocol import TimeLimits, http_protocol

SHUTDOWN_TIMEOUT = 1  # seconds in which open connections must end after Ctrl-C
BACKLOG = 128  # connections that the system keeps until the service takes them


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how `app` is served."""
    limits = TimeLimits(head=settings.head_timeout, read=settings.read_timeout)
    connections = Connections(connection_limit(settings.connections, settings.sessions))
    return uvicorn.Config(
        app,
        http=http_protocol(limits, connections),
        log_config=None,
        access_log=False,
        proxy_headers=False,  # web.access.client_address reads them
        ws=PatientProtocol,
        # Messages over the limit get an error event; those over twice the limit are cut here.
        ws_max_size=2 * settings.max_message_size,
        # Compressing and inflating messages would stop the loop, for audio that hardly shrinks, and
        # a few bytes could become gigabytes before they are counted.
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=settings.websocket_timeout,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        backlog=BACKLOG,
        server_header=False,
        lifespan="on",
    )


class EyelineServer(uvicorn.Server):
    """Prints a banner when it listens; a second Ctrl-C does not wait for connections.

    `on_shutdown` is called when it begins to end.
    """

    banner = ""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(server_config(app, settings))
        self.app = app
        self.on_shutdown: Callable[[], None] = lambda: None
        self._draining: Draining | None = None
        self._drain = settings.drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and start the application.

        Raises:
            UsageError: another program has begun to listen there since the address was bound.
        """
        if sockets:
            self.app.state.listening = sockets[0].getsockname()[:2]
        for each in sockets or ():
            listen(each)
        await super().startup(sockets)
        if self.started and self.banner:
            sys.stdout.write(self.banner)
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask sessions to end before their connections are closed."""
        self.on_shutdown()
        context = self.app.state.context
        if context.cluster is not None:
            await context.cluster.leave()
        context.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Shut down at the first signal, without raising it again as uvicorn does.

        If sessions may take time to end, they have it after the first SIGTERM.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        if sig == signal.SIGTERM and self._drain > 0 and self._draining is None and self.started:
            self._draining = Draining(self.app.state.context, self._drain)
            return
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether to shut down now; uvicorn asks ten times a second."""
        drained = self._draining is not None and self._draining.step()
        return await super().on_tick(counter) or drained


def listen(listener: socket.socket) -> None:
    """Let a bound socket listen.

    Raises:
        UsageError: another program listens there: two that start at the same time may both bind.
    """
    host, port = listener.getsockname()[:2]
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise address_error(host, port, error) from error


def address_error(host: str, port: int, error: OSError) -> UsageError:
    """Return the error of a service that cannot listen on an address."""
    return UsageError(
        f"cannot listen on {host}, port {port}: {error.strerror}: "
        "end the program that listens there, or give --port"
    )
