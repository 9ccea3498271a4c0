"""Authentication: the service's API key, and short-lived client secrets for browsers.

A client secret opens sessions with the configuration that it was created for, until it expires, and
reaches those sessions alone, so that a page never gets the key. Without an API key every request
that brings no secret counts as the key's.
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
    """A secret for sessions with the configuration `session`, until `expires` on the clock.

    `owner` names it in sessions and TURN credentials, which must not contain the secret itself.
    """

    value: str
    owner: str
    expires: float
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: the holder of the key, or of a client secret."""

    secret: ClientSecret | None = None

    @property
    def owner(self) -> str | None:
        """Return the owner of the sessions that this caller opens; None is the key."""
        return None if self.secret is None else self.secret.owner

    @property
    def session(self) -> Mapping[str, Any]:
        """Return the configuration with which its sessions start."""
        return {} if self.secret is None else self.secret.session

    def reaches(self, owner: str | None) -> bool:
        """Return whether this caller may use the sessions of `owner`."""
        return self.secret is None or self.secret.owner == owner


class Keys:
    """The API key, None if there is none, and the client secrets that have not expired."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._secrets: dict[str, ClientSecret] = {}

    def mint(self, session: Mapping[str, Any], *, now: float, lifetime: float) -> ClientSecret:
        """Return a new client secret that expires after `lifetime` seconds."""
        self._drop_expired(now)
        value, owner = f"ek_{secrets.token_urlsafe(24)}", f"secret_{secrets.token_hex(8)}"
        secret = ClientSecret(value, owner, now + lifetime, session)
        self._secrets[secret.value] = secret
        return secret

    def authenticate(self, key: str | None, *, now: float) -> Caller:
        """Return who sends `key`.

        Raises:
            ProblemError: there is an API key, and `key` is neither it nor a valid secret.
        """
        secret = self._secrets.get(key or "")
        if secret is not None and secret.expires > now:
            return Caller(secret)
        if self._key is None or (key and _equal(key, self._key)):
            return Caller()
        raise ProblemError(
            401,
            "this service needs its API key: send it as `Authorization: Bearer KEY`",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def knows(self, value: str) -> bool:
        """Return whether `value` is a client secret, expired or not."""
        return value in self._secrets

    def add(self, secret: ClientSecret) -> None:
        """Accept a client secret that another machine has created."""
        self._secrets[secret.value] = secret

    def _drop_expired(self, now: float) -> None:
        alive = [secret for secret in self._secrets.values() if secret.expires > now]
        kept = alive[-(MAX_SECRETS - 1) :]
        self._secrets = {secret.value: secret for secret in kept}


def _equal(given: str, key: str) -> bool:
    """Compare in constant time; text that is not ASCII is only comparable as bytes."""
    return secrets.compare_digest(given.encode(), key.encode())


def bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def subprotocol_key(subprotocols: list[str]) -> str | None:
    """Return the key among the WebSocket subprotocols, where browsers have to put it."""
    for each in subprotocols:
        if each.startswith(SUBPROTOCOL_KEY):
            return each.removeprefix(SUBPROTOCOL_KEY)
    return None
