"""Which edge had a session when the registry was last asked."""

from collections import OrderedDict
from collections.abc import Collection

MAX_OWNERS = 10_000  # sessions


class Owners:
    """The URLs of the edges that have sessions; of too many the longest unused are forgotten.

    An edge that does not have a session any more answers with MISDIRECTED, and the registry is
    asked again; so it is for an edge that does not report any more.
    """

    def __init__(self) -> None:
        self._urls: OrderedDict[str, str] = OrderedDict()

    def find(self, session: str, edges: Collection[str]) -> str | None:
        """Return which of `edges`, all that are there, has `session`; None if that is unknown."""
        url = self._urls.get(session)
        if url not in edges:
            self._urls.pop(session, None)
            return None
        self._urls.move_to_end(session)
        return url

    def note(self, session: str, url: str) -> None:
        """Note what the registry said."""
        self._urls[session] = url
        if len(self._urls) > MAX_OWNERS:
            self._urls.popitem(last=False)

    def forget(self, session: str) -> None:
        self._urls.pop(session, None)
