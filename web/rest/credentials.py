"""What a browser needs to connect: ICE servers and client secrets."""

import math
import secrets
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from web.access.gate import caller_of
from web.access.ice import ice_servers
from web.context import service_context, unix_time
from web.problems import ProblemError
from web.protocol.client_events.messages import ProtocolError
from web.protocol.session_config import initial_config, session_object
from web.protocol.session_update import split_own, update_config

router = APIRouter()

SECRET_LIFETIME = 600  # default, seconds


class SecretExpiry(BaseModel):
    anchor: str = "created_at"
    seconds: int = Field(SECRET_LIFETIME, ge=10, le=7200)


class ClientSecretRequest(BaseModel):
    expires_after: SecretExpiry = Field(default_factory=SecretExpiry)
    session: dict[str, Any] = Field(default_factory=dict)


@router.get("/ice-servers")
async def get_ice_servers(request: Request) -> dict[str, Any]:
    """Return STUN and TURN servers for an RTCPeerConnection, with credentials for one call.

    Those of a client secret are valid as long as the secret can open a call.
    """
    context = service_context(request)
    secret, lifetime = caller_of(request).secret, context.settings.turn_ttl
    if secret is not None:
        lifetime = min(lifetime, math.ceil(secret.expires - context.clock.now()))
    servers = ice_servers(
        context.settings,
        session=f"{'guest' if secret is None else secret.owner}-{secrets.token_hex(4)}",
        expires=unix_time() + lifetime,
    )
    return {"iceServers": [server.as_json() for server in servers], "ttl": lifetime}


@router.post("/v1/realtime/client_secrets")
async def create_client_secret(request: Request, body: ClientSecretRequest) -> dict[str, Any]:
    """Create a secret with which a browser can open sessions until it expires."""
    context = service_context(request)
    transcription = body.session.get("type", "realtime") == "transcription"
    config = initial_config(context.capabilities, transcription=transcription)
    try:
        fields, own = split_own(body.session)
        config, _ = update_config(config, fields, context.capabilities)
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    lifetime = body.expires_after.seconds
    if wanted := {name: value for name, value in asdict(own).items() if value is not None}:
        fields["eyeline"] = wanted
    secret = context.keys.mint(fields, now=context.clock.now(), lifetime=lifetime)
    if context.cluster is not None:
        await context.cluster.share_secret(secret)
    session = session_object(config, f"sess_{secret.value[3:19]}")
    return {"value": secret.value, "expires_at": unix_time() + lifetime, "session": session}
