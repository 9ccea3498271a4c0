"""What a browser needs to connect: ICE servers and client secrets."""

import math
import secrets
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from web.access.auth import Caller
from web.access.gate import caller_of
from web.access.ice import ice_servers
from web.access.keys.scopes import GRANTED_SCOPES, SECRET_SCOPES, KeyScope
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
    """OpenAI's request, with two fields of this service.

    The secret may do what is in `scopes`. One that may `watch` a session sees and hears that alone.
    """

    expires_after: SecretExpiry = Field(default_factory=SecretExpiry)
    session: dict[str, Any] = Field(default_factory=dict)
    scopes: list[KeyScope] | None = None
    watch: str | None = None


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
    caller = caller_of(request)
    if body.watch is not None:
        context.sessions.get(body.watch, caller)
    secret = context.doorkeeper.keys.mint(
        fields,
        now=context.clock.now(),
        lifetime=lifetime,
        caller=caller,
        scopes=secret_scopes(caller, body),
        watches=body.watch,
    )
    if context.cluster is not None:
        await context.cluster.share_secret(secret)
    session = session_object(config, f"sess_{secret.value[3:19]}")
    return {
        "id": secret.owner,
        "value": secret.value,
        "expires_at": unix_time() + lifetime,
        "session": session,
    }


@router.delete("/v1/realtime/client_secrets/{secret}", status_code=204)
async def revoke_client_secret(request: Request, secret: str) -> None:
    """End a client secret before its time, with its sessions and what it watches."""
    context = service_context(request)
    if context.cluster is not None:
        await context.cluster.learn_secret_of(secret)
    if not context.doorkeeper.keys.revoke(secret, caller_of(request)):
        raise ProblemError(
            404, f"no client secret {secret[:80]!r} of this key", code="no_such_secret"
        )
    if context.cluster is not None:
        await context.cluster.share_revoked()


def secret_scopes(caller: Caller, body: ClientSecretRequest) -> frozenset[KeyScope]:
    """Return what a client secret of `caller` may do.

    Raises:
        ProblemError: it would be more than the caller may, or than secrets may.
    """
    if body.watch is not None:
        wanted = frozenset({KeyScope.WATCH})
    elif body.scopes is None:
        wanted = SECRET_SCOPES & caller.scopes
    else:
        wanted = frozenset(body.scopes)
    if excess := wanted - (GRANTED_SCOPES & caller.scopes):
        raise ProblemError(
            403,
            f"a client secret of this key cannot be for {', '.join(sorted(excess))}",
            code="scope_not_allowed",
            param="scopes",
        )
    return wanted
