"""Client secrets that another edge has created: they are learnt before the gate asks for them."""

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from web.access.auth import bearer_token, subprotocol_key
from web.cluster.edge import edge_of

SECRET = "ek_"


class SharedSecrets:
    """Middleware of an edge, before its gate."""

    def __init__(self, app: ASGIApp, service: FastAPI) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            key = bearer_token(Headers(scope=scope)) or subprotocol_key(
                scope.get("subprotocols", [])
            )
            if key is not None and key.startswith(SECRET):
                await edge_of(self._service).learn_secret(key)
        await self._app(scope, receive, send)
