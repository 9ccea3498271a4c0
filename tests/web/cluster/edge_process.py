"""An edge of a cluster as a process of its own: the whole service, with scripted models.

It reads one line of JSON, the settings, and prints its URL when it listens; it ends at SIGTERM as
`eyeline serve` does.
"""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

from tests.web.cluster.models.scripted_worker import counting_servers
from tests.web.cluster.slow_assistant import SlowAssistant
from tests.web.served import scripted_models
from web.app import create_app
from web.cluster import joining
from web.config import Settings
from web.log_lines import log_handler
from web.serve import bound_socket
from web.serving.server import EyelineServer


async def run(server: EyelineServer, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    await server.serve(sockets=[listener])


def main() -> None:
    import logging

    logging.basicConfig(level="INFO", handlers=[log_handler("text")])
    setattr(joining, "loader", lambda settings: counting_servers)  # noqa: B010 - an import there
    options = json.loads(sys.stdin.readline())
    assistant = SlowAssistant(Path(options.pop("held")))
    settings = Settings(port=0, busy=0.0, **options)
    with scripted_models(assistant=assistant) as models, bound_socket(settings) as listener:
        host, port = listener.getsockname()[:2]
        server = EyelineServer(create_app(settings, models), settings)
        server.banner = f"http://{host}:{port}\n"
        asyncio.run(run(server, listener))


if __name__ == "__main__":
    main()
