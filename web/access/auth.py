"""Authentication: keys, and short-lived client secrets for browsers.

A client secret opens sessions with the configuration that it was created for, until it expires, and
reaches those sessions alone, so that a page never gets the key. It carries the limits of the key
that made it, and ends with it. If no key is needed, every request that brings no secret may do
everything.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from web.access.keys.kept_secrets import within_limits
from web.access.keys.key_file import SERVICE_KEY, key_digest
from web.access.keys.revoked_secrets import RevokedSecrets
from web.access.keys.scopes import ALL_SCOPES, SECRET_SCOPES, ApiKey, KeyScope
from web.problems import ProblemError

SUBPROTOCOL_KEY = "openai-insecure-api-key."  # how browsers carry a key to a WebSocket
SECRET = "ek_"  # what the value of a client secret begins with


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret for sessions with a `configuration`, until `expires` on the clock.

    The configuration is JSON in ASCII: it takes as many bytes of memory as it is long.

    `owner` names it in sessions and TURN credentials, which must not contain the secret itself.
    `key` made it, None if none was needed; it may do what is in `scopes` and the key still may. One
    that `watches` a session sees that of somebody else, and no other.
    """

    value: str = field(repr=False)
    owner: str
    expires: float
    configuration: str
    key: ApiKey | None = None
    scopes: frozenset[KeyScope] = SECRET_SCOPES
    watches: str | None = None

    @property
    def session(self) -> Mapping[str, Any]:
        """The configuration of its sessions."""
        session: dict[str, Any] = json.loads(self.configuration)
        return session


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: the holder of a key or of a client secret, or anybody if none is needed.

    `address` is where the request came from.
    """

    key: ApiKey | None = None
    secret: ClientSecret | None = None
    address: str = ""

    @property
    def owner(self) -> str | None:
        """The name of the owner of what this caller makes; None is who may do everything."""
        key = "" if self.key is None or self.key.name == SERVICE_KEY else f"{self.key.name}/"
        return key + ("" if self.secret is None else self.secret.owner) or None

    @property
    def name(self) -> str:
        """What logs call the caller."""
        key = "anybody" if self.key is None else self.key.name
        return key if self.secret is None else f"{key}/{self.secret.owner}"

    @property
    def key_name(self) -> str | None:
        """The name of the key, None if none was needed."""
        return None if self.key is None else self.key.name

    @property
    def scopes(self) -> frozenset[KeyScope]:
        """What the caller may do."""
        allowed = ALL_SCOPES if self.key is None else self.key.scopes
        return allowed if self.secret is None else allowed & self.secret.scopes

    @property
    def session(self) -> Mapping[str, Any]:
        """Return the configuration with which its sessions start."""
        return {} if self.secret is None else self.secret.session

    def reaches(self, owner: str | None) -> bool:
        """Return whether this caller may use the sessions and recordings of `owner`."""
        if self.secret is not None:
            return owner == self.owner
        if KeyScope.ALL_SESSIONS in self.scopes:
            return True
        return owner is not None and self.key is not None and owner.startswith(f"{self.key.name}/")

    def watches(self, session: str) -> bool:
        """Return whether this caller may see `session`, although it is not its own."""
        return self.secret is not None and self.secret.watches == session


def wall_clock() -> datetime:
    """Return the time by which keys expire."""
    return datetime.now(UTC)


class Keys:
    """The service's key in the settings, those of a file, and the client secrets that are valid.

    Without a `service_key` and a file (`named` is None) no key is needed.
    """

    def __init__(
        self,
        service_key: str | None,
        named: Iterable[ApiKey] | None = None,
        *,
        today: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.needed = service_key is not None or named is not None
        self._today = today
        self._secrets: dict[bytes, ClientSecret] = {}
        self.revoked = RevokedSecrets(self._forget)
        self._service_key = None if service_key is None else _service_key(service_key)
        self.replace(named or ())

    def replace(self, named: Iterable[ApiKey]) -> None:
        """Use these keys of the file from now on."""
        own = () if self._service_key is None else (self._service_key,)
        self._keys = {each.digest: each for each in (*named, *own)}

    def mint(
        self,
        session: Mapping[str, Any],
        *,
        now: float,
        lifetime: float,
        caller: Caller | None = None,
        scopes: frozenset[KeyScope] = SECRET_SCOPES,
        watches: str | None = None,
    ) -> ClientSecret:
        """Return a new client secret of `caller` that expires after `lifetime` seconds."""
        value, owner = f"{SECRET}{secrets.token_urlsafe(24)}", f"secret_{secrets.token_hex(8)}"
        key = None if caller is None else caller.key
        configuration = json.dumps(session)
        secret = ClientSecret(value, owner, now + lifetime, configuration, key, scopes, watches)
        self._keep(secret, now)
        return secret

    def authenticate(self, given: str | None, *, now: float, address: str = "") -> Caller:
        """Return who sends the key or client secret `given`.

        Raises:
            ProblemError: a key is needed, and `given` is neither one nor a valid secret.
        """
        digest = key_digest(given or "")
        secret = self._secrets.get(digest)
        if secret is not None and secret.expires > now and secret.owner not in self.revoked:
            caller = Caller(secret.key, secret, address)
        else:
            caller = Caller(self._keys.get(digest), None, address)
        gone = caller.secret is None and caller.key is None and (given or "").startswith(SECRET)
        if gone or (caller.key is None and self.needed) or not self.is_valid(caller):
            raise ProblemError(
                401,
                "this service needs a key: send it as `Authorization: Bearer KEY`",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return self.current(caller)

    def knows(self, value: str) -> bool:
        """Return whether `value` is a client secret, expired or not."""
        return key_digest(value) in self._secrets

    def add(self, secret: ClientSecret, key: bytes | None, *, now: float) -> None:
        """Accept a client secret of the key with digest `key` that another machine has created."""
        if (key is None or key in self._keys) and secret.owner not in self.revoked:
            secret = replace(secret, key=None if key is None else self._keys[key])
            self._keep(secret, now)

    def unexpired(self, now: float) -> list[ClientSecret]:
        """Return the client secrets that are valid, as far as their keys are."""
        return [each for each in self._secrets.values() if each.expires > now]

    def is_valid(self, caller: Caller) -> bool:
        """Return whether the key of `caller` was neither revoked nor replaced, nor has expired."""
        if caller.key is None:
            return not self.needed
        key = self._keys.get(caller.key.digest)
        if key is None or key.name != caller.key.name:
            return False
        return key.expires is None or self._today() <= key.expires

    def is_current(self, caller: Caller, *, now: float) -> bool:
        """Return whether `caller` is valid, and its secret not revoked.

        Secrets that watch are over when they expire; sessions of others go on then.
        """
        secret = caller.secret
        over = secret is not None and (
            secret.owner in self.revoked or (secret.watches is not None and secret.expires <= now)
        )
        return not over and self.is_valid(caller)

    def revoke(self, owner: str, by: Caller) -> bool:
        """End the client secret of `owner`, and its sessions; return whether `by` may, and did."""
        for secret in self._secrets.values():
            name = None if secret.key is None else secret.key.name
            allowed = KeyScope.ALL_SESSIONS in by.scopes or name == by.key_name
            if secret.owner == owner and by.secret is None and allowed:
                self.revoked.merge([owner])
                return True
        return False

    def current(self, caller: Caller) -> Caller:
        """Return `caller` with the scopes and limits that its key has now."""
        if caller.key is None:
            return caller
        return replace(caller, key=self._keys.get(caller.key.digest, caller.key))

    def _forget(self, owner: str) -> None:
        kept = {digest: each for digest, each in self._secrets.items() if each.owner != owner}
        self._secrets = kept

    def _keep(self, secret: ClientSecret, now: float) -> None:
        """Accept `secret`, and drop what has expired; if that is not enough, others."""
        alive = {digest: each for digest, each in self._secrets.items() if each.expires > now}
        alive[key_digest(secret.value)] = secret
        self._secrets = within_limits(alive)


def _service_key(key: str) -> ApiKey:
    return ApiKey(SERVICE_KEY, key_digest(key))


def bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def subprotocol_key(subprotocols: list[str]) -> str | None:
    """Return the key among the WebSocket subprotocols, where browsers have to put it."""
    for each in subprotocols:
        if each.startswith(SUBPROTOCOL_KEY):
            return each.removeprefix(SUBPROTOCOL_KEY)
    return None
