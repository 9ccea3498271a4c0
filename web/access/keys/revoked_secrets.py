"""Client secrets that were ended before their time, by the names of their owners."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import takewhile

MAX_REVOKED = 10_000  # the newest: sessions of a secret end within a second of it


class RevokedSecrets:
    """Owners of revoked secrets; processes that merge what others have revoked agree in the end.

    `forget` is called with each that is new. So a secret stays revoked where it was known, however
    many others are revoked after it.
    """

    def __init__(self, forget: Callable[[str], None] = lambda owner: None) -> None:
        self._forget = forget
        self.version = 0  # of the last change
        self._owners: OrderedDict[str, int] = OrderedDict()  # version

    def __contains__(self, owner: str) -> bool:
        return owner in self._owners

    def merge(self, owners: Iterable[str]) -> None:
        """Note that the secrets of `owners` are revoked."""
        for owner in owners:
            if owner not in self._owners:
                self.version += 1
                self._owners[owner] = self.version
                self._forget(owner)
                if len(self._owners) > MAX_REVOKED:
                    self._owners.popitem(last=False)

    def changes(self, version: int = 0) -> list[str]:
        """Return the owners whose secrets were revoked since `version`."""
        newest = takewhile(lambda item: item[1] > version, reversed(self._owners.items()))
        return [owner for owner, _ in newest]
