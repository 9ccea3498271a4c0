"""How many client secrets are kept: a key that makes many, or large ones, costs others none."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

MAX_SECRETS = 10_000
MAX_BYTES = 64 * 1024 * 1024  # of their configurations


class KeptSecret(Protocol):
    """A client secret with its configuration as ASCII, and what names the key that made it."""

    @property
    def configuration(self) -> str: ...

    @property
    def key(self) -> Hashable: ...


Name = TypeVar("Name")
S = TypeVar("S", bound=KeptSecret)


def within_limits(secrets: dict[Name, S]) -> dict[Name, S]:
    """Return what is kept of `secrets`, which are in order of age, the oldest first."""
    few = _without_surplus(secrets, MAX_SECRETS, lambda secret: 1)
    return _without_surplus(few, MAX_BYTES, lambda secret: len(secret.configuration))


def _without_surplus(secrets: dict[Name, S], limit: int, cost: Callable[[S], int]) -> dict[Name, S]:
    """Drop the oldest secret of the key whose secrets cost most, until all cost `limit` at most."""
    excess = sum(map(cost, secrets.values())) - limit
    if excess <= 0:
        return secrets
    costs: Counter[Hashable] = Counter()
    names: defaultdict[Hashable, deque[Name]] = defaultdict(deque)
    for name, secret in secrets.items():
        costs[secret.key] += cost(secret)
        names[secret.key].append(name)
    kept = dict(secrets)
    while excess > 0:
        [(most, _)] = costs.most_common(1)
        freed = cost(kept.pop(names[most].popleft()))
        costs[most] -= freed
        excess -= freed
    return kept
