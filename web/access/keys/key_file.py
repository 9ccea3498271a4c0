"""The file of keys: TOML that an operator writes by hand or with `eyeline keys`.

[anna]                                 # what logs call the key
hash = "sha256:2c26b46b68ffc68f..."    # of the key, which is stored nowhere
scopes = ["sessions", "watch"]
sessions = 2

A key has 256 random bits, so one SHA-256 is enough: there is nothing to guess.
"""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from web.access.keys.scopes import USUAL_SCOPES, ApiKey, KeyLimits, KeyScope
from web.errors import WebError

PREFIX = "eyl_"  # of new keys, for programs that search for leaked ones
SERVICE_KEY = "EYELINE_API_KEY"  # the name of the key in that setting
RESERVED = (SERVICE_KEY, "anybody", "unknown")  # what logs call others
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
HASH = r"^sha256:[0-9a-f]{64}$"
MAX_SIZE = 4 * 1024 * 1024  # bytes: some 20,000 keys


class KeyFileError(WebError):
    """The file of keys cannot be used; the message names it, the place and what is expected."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key of the file, which may be `revoked`."""

    key: ApiKey
    revoked: bool


def valid_keys(listed: Iterable[ListedKey]) -> tuple[ApiKey, ...]:
    """Return the keys that are not revoked."""
    return tuple(each.key for each in listed if not each.revoked)


def _end_of_day(value: object) -> object:
    """Return the time at which a key ends that is valid up to and including a date, in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.max, UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


class _KeyTable(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(
        extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    hash: str = Field(pattern=HASH)
    scopes: list[Annotated[KeyScope, Field(strict=False)]] | None = None
    sessions: int | None = Field(None, ge=0)
    minutes: float | None = Field(None, ge=0)
    file_minutes: float | None = Field(None, ge=0)
    requests: int | None = Field(None, ge=1)
    expires: Annotated[datetime, BeforeValidator(_end_of_day)] | None = None
    revoked: bool = False

    def listed(self, name: str) -> ListedKey:
        """Return the key that this table is."""
        limits = KeyLimits(
            sessions=self.sessions,
            minutes=self.minutes,
            file_minutes=self.file_minutes,
            requests=self.requests,
        )
        digest = bytes.fromhex(self.hash.removeprefix("sha256:"))
        scopes = USUAL_SCOPES if self.scopes is None else frozenset(self.scopes)
        return ListedKey(ApiKey(name, digest, scopes, limits, self.expires), self.revoked)


def key_digest(key: str) -> bytes:
    """Return the SHA-256 digest by which a key or client secret is found.

    Whoever tries keys does not know the digests, so the time of a look-up tells nothing.
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def new_key() -> str:
    """Return a new key."""
    return PREFIX + secrets.token_urlsafe(32)


def read_keys(path: Path) -> tuple[ListedKey, ...]:
    """Return the keys in the file `path`.

    Raises:
        KeyFileError: it cannot be read, or something in it is wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}: make it with `eyeline keys add`") from error
    if len(data) > MAX_SIZE:
        raise KeyFileError(f"{path}: expected at most {MAX_SIZE} bytes")
    try:
        return parse_keys(data.decode())
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: expected UTF-8, byte {error.start} is none") from error
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from error


def parse_keys(text: str) -> tuple[ListedKey, ...]:
    """Return the keys in the text of a file.

    Raises:
        KeyFileError: something in it is wrong.
    """
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise KeyFileError(f"not TOML: {error}") from error
    found = tuple(_parse_key(name, table) for name, table in tables.items())
    names: dict[bytes, str] = {}
    for each in found:
        other = names.setdefault(each.key.digest, each.key.name)
        if other != each.key.name:
            raise KeyFileError(f"[{each.key.name}] has the hash of [{other}]: each needs its own")
    return found


def check_name(name: str) -> None:
    """Check that a key of the file may have `name`.

    Raises:
        KeyFileError: it may not.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise KeyFileError(
            f"{name!r}: expected a name of up to 64 letters, digits, - and _, but none of "
            f"{', '.join(RESERVED)}"
        )


def _parse_key(name: str, table: object) -> ListedKey:
    check_name(name)
    if not isinstance(table, Mapping):
        raise KeyFileError(f"{name}: expected a table, [{name}], with the hash of the key")
    try:
        return _KeyTable.model_validate(table).listed(name)
    except ValidationError as error:
        raise KeyFileError(f"[{name}] {_describe(error.errors(include_url=False)[0])}") from error


def _describe(problem: Any) -> str:
    """Return what is wrong with an entry, without the value: it may be a key."""
    field = ".".join(str(step) for step in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            known = ", ".join(_KeyTable.model_fields)
            return f"{field} is not known: expected {known}"
        case "string_pattern_mismatch":
            return (
                f"{field}: expected sha256: and 64 hexadecimal digits, as `eyeline keys add` writes"
            )
        case "enum":
            return f"{field}: expected scopes of {', '.join(KeyScope)}"
        case _:
            return f"{field}: {problem['msg']}"
