"""The HTTP server process: binds, serves, and shuts down cleanly."""

import asyncio
import gc
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from media.pipeline.models.services import Services
from media.worker import Worker
from trt_engines.backends.idle_memory import release_idle_memory
from web.access.hosts import is_loopback
from web.access.keys.key_file import read_keys
from web.app import create_app
from web.config import PREFIX, Settings
from web.errors import UsageError
from web.loading.models import load_models
from web.loading.warm_up import warm_up
from web.operation.traces import check_installed
from web.page.frame import rendering
from web.serving.exit_deadline import ExitDeadline
from web.serving.server import EyelineServer, address_error
from web.temporary_folder import delete_abandoned

logger = logging.getLogger(__name__)

END_TIMEOUT = 1.9  # seconds after Ctrl-C; what is done in an orderly end has less


def serve(settings: Settings, *, banner: str | None) -> int:
    """Serve until Ctrl-C or SIGTERM; return 0. `banner` is printed when the server listens.

    Raises:
        UsageError: the address is in use, or does not belong to this machine, anybody could use the
            service, or a package that a setting needs is missing.
        KeyFileError: the file of keys cannot be used.
        ModelError, PageError: a model cannot be loaded, or the page not rendered.
    """
    check_access(settings)
    if settings.keys is not None:
        read_keys(settings.keys)  # a mistake in it is told before models are loaded
    check_installed(settings.traces)
    for name in delete_abandoned(settings.memory_folder):
        logger.info("deleted %s, which a killed process left", name)
    deadline = ExitDeadline(END_TIMEOUT)
    with (
        bound_socket(settings) as listener,
        rendering() as rendered,
        load_models(settings) as models,
    ):
        app = create_app(settings, models, rendered())
        # Without this, each full collection scans the loaded models and stops the loop for 0.2 s.
        gc.collect()
        gc.freeze()
        host, port = listener.getsockname()[:2]
        url = f"http://{'localhost' if host in ('127.0.0.1', '::1') else host}:{port}"
        server = EyelineServer(app, settings)
        server.on_shutdown = deadline.start
        if banner is not None:
            server.banner = banner.format(url=url)
        unused = models.services if settings.warm_up else None
        asyncio.run(_run(server, listener, url, unused))
    return 0


async def _run(
    server: EyelineServer, listener: socket.socket, url: str, unused: Services | None
) -> None:
    """Warm up the models, if they are `unused`, and serve."""
    if unused is not None:
        await warm_up(unused)
    await _release_memory()
    logger.info("listening on %s", url)
    await server.serve(sockets=[listener])


async def _release_memory() -> None:
    worker = Worker("memory")
    try:
        await worker.run(release_idle_memory)
    finally:
        worker.close()


def check_access(settings: Settings) -> None:
    """Check that other machines need the key, unless the settings say that anybody may come.

    Raises:
        UsageError: they do not.
    """
    if settings.needs_key or settings.without_key or is_loopback(settings.host):
        return
    raise UsageError(
        f"anybody who reaches {settings.host} could use this service, see and hear with it: set "
        f"{PREFIX}API_KEY, for example to the output of `openssl rand -hex 32`, or {PREFIX}KEYS to "
        f"a file of keys, or {PREFIX}WITHOUT_KEY=true if that is wanted"
    )


@contextmanager
def bound_socket(settings: Settings) -> Iterator[socket.socket]:
    """Bind the socket before models are loaded: a port in use is an error at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Of a socket without a protocol asyncio does not turn off the delay of small writes (Nagle).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise address_error(settings.host, settings.port, error) from error
    with listener:
        yield listener
