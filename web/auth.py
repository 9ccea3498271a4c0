"""Authentication: the service's API key, and short-lived client secrets for browsers.

A client secret replaces the key until it expires and carries the session configuration that it was
created for, so that a page never gets the key. Without an API key every request is accepted.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web.problems import ProblemError

SUBPROTOCOL_KEY = "openai-insecure-api-key."  # how browsers carry a key to a WebSocket
MAX_SECRETS = 10_000


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret for sessions with the configuration `session`, until `expires` on the clock."""

    value: str
    expires: float
    session: Mapping[str, Any]


class Keys:
    """The API key, None if there is none, and the client secrets that have not expired."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._secrets: dict[str, ClientSecret] = {}

    def mint(self, session: Mapping[str, Any], *, now: float, lifetime: float) -> ClientSecret:
        """Return a new client secret that expires after `lifetime` seconds."""
        self._drop_expired(now)
        secret = ClientSecret(f"ek_{secrets.token_urlsafe(24)}", now + lifetime, session)
        self._secrets[secret.value] = secret
        return secret

    def authenticate(self, key: str | None, *, now: float) -> Mapping[str, Any]:
        """Return the session configuration of the client secret `key`, empty for the API key.

        Raises:
            ProblemError: there is an API key, and `key` is neither it nor a valid secret.
        """
        secret = self._secrets.get(key or "")
        if secret is not None and secret.expires > now:
            return secret.session
        if self._key is None or (key and secrets.compare_digest(key, self._key)):
            return {}
        raise ProblemError(
            401,
            "this service needs its API key: send it as `Authorization: Bearer KEY`",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _drop_expired(self, now: float) -> None:
        alive = [secret for secret in self._secrets.values() if secret.expires > now]
        kept = alive[-(MAX_SECRETS - 1) :]
        self._secrets = {secret.value: secret for secret in kept}


def bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def subprotocol_key(subprotocols: list[str]) -> str | None:
    """Return the key among the WebSocket subprotocols, where browsers have to put it."""
    for each in subprotocols:
        if each.startswith(SUBPROTOCOL_KEY):
            return each.removeprefix(SUBPROTOCOL_KEY)
    return None
