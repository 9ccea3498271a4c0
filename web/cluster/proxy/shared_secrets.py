"""Client secrets that another edge has created: they are learnt before the gate asks for them."""

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from web.access.auth import SECRET, bearer_token, subprotocol_key
from web.access.client_address import Proxies
from web.access.doorkeeper import Doorkeeper
from web.access.gate import refuse
from web.cluster.edge import edge_of
from web.config import Settings
from web.problems import ProblemError


class SharedSecrets:
    """Middleware of an edge, before its gate.

    Nobody is asked on behalf of an address from which too many wrong keys came.
    """

    def __init__(
        self, app: ASGIApp, service: FastAPI, settings: Settings, doorkeeper: Doorkeeper
    ) -> None:
        self._app = app
        self._service = service
        self._proxies = Proxies.parse(settings.proxies)
        self._rates = doorkeeper.rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            key = bearer_token(Headers(scope=scope)) or subprotocol_key(
                scope.get("subprotocols", [])
            )
            if key is not None and key.startswith(SECRET):
                try:
                    self._rates.check_guesses(self._proxies.client(scope))
                    await edge_of(self._service).secrets.learn(key)
                except ProblemError as problem:
                    await refuse(problem, scope, receive, send)
                    return
        await self._app(scope, receive, send)
