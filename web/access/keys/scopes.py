"""What keys allow, and how much of it."""

import enum
from dataclasses import dataclass, field
from datetime import datetime


class KeyScope(enum.StrEnum):
    """What a key may be used for, by its name in the file of keys."""

    SESSIONS = "sessions"  # open sessions, go on with them and end them
    WATCH = "watch"  # see and hear sessions, read their captions and moments
    CHAT = "chat"  # ask questions: about sessions, and with a key also about images
    FILES = "files"  # transcribe and translate files
    SPEECH = "speech"  # turn text into speech
    SECRETS = "secrets"  # make client secrets, which carry the limits of the key
    METRICS = "metrics"  # read /metrics
    ALL_SESSIONS = "all_sessions"  # reach the sessions of all keys, not only its own


ALL_SCOPES = frozenset(KeyScope)
USUAL_SCOPES = ALL_SCOPES - {KeyScope.METRICS, KeyScope.ALL_SESSIONS}  # of a key that names none
SECRET_SCOPES = frozenset({KeyScope.SESSIONS, KeyScope.WATCH, KeyScope.CHAT})  # of a client secret
GRANTED_SCOPES = SECRET_SCOPES | {KeyScope.FILES, KeyScope.SPEECH}  # that a client secret may have


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """Limits of a key and its client secrets together; None is no limit.

    `sessions` at once, `minutes` of sessions and `file_minutes` of transcribed sound in 24 hours,
    `requests` in a minute.
    """

    sessions: int | None = None
    minutes: float | None = None
    file_minutes: float | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, by the SHA-256 `digest` of its text; it is valid until `expires`, if that is set."""

    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[KeyScope] = ALL_SCOPES
    limits: KeyLimits = KeyLimits()
    expires: datetime | None = None
