"""What edges tell each other about keys, through the registry: used minutes and revoked secrets."""

import secrets
from dataclasses import dataclass, field

from web.access.keys.revoked_secrets import RevokedSecrets
from web.access.keys.used_amounts import UsedAmounts, UsedCell


@dataclass(frozen=True, slots=True)
class AccessVersion:
    """How much of what a process knows another has: nothing of any but the process `source`."""

    source: str = ""
    used: int = 0
    revoked: int = 0


NOTHING = AccessVersion()


@dataclass(frozen=True, slots=True)
class AccessNews:
    """What has changed up to `version`."""

    version: AccessVersion
    used: tuple[UsedCell, ...] = ()
    revoked: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class SharedAccess:
    """What one process knows of keys; what it hears twice, or late, changes nothing."""

    used: UsedAmounts = field(default_factory=UsedAmounts)
    revoked: RevokedSecrets = field(default_factory=RevokedSecrets)
    id: str = field(default_factory=lambda: secrets.token_hex(6))

    def news(self, since: AccessVersion, *, own: bool = False) -> AccessNews:
        """Return what has changed since a version of this process: everything if it is another's.

        With `own` that is what this process itself has used, unless it is everything.
        """
        version = AccessVersion(self.id, self.used.version, self.revoked.version)
        if since.source != self.id:
            since, own = NOTHING, False
        used = self.used.changes(since.used, of=self.used.process if own else None)
        return AccessNews(version, tuple(used), tuple(self.revoked.changes(since.revoked)))

    def merge(self, news: AccessNews) -> None:
        """Learn what another process knows."""
        self.used.merge(news.used)
        self.revoked.merge(news.revoked)
