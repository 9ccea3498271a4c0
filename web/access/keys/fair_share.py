"""What is kept of many people's things: who makes very many costs others none."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from web.access.auth import Caller

T = TypeVar("T")


def fair_share(things: Iterable[T], limit: int, whose: Callable[[T], Caller]) -> list[T]:
    """Return `limit` of `things` at most, which are in order of age, the oldest first.

    The oldest leave of the key that has most, and of its client secret that has most.
    """
    kept = list(things)
    if len(kept) <= limit:
        return kept
    of_key = Counter(whose(each).key_name for each in kept)
    of_owner: defaultdict[str | None, Counter[str | None]] = defaultdict(Counter)
    oldest: defaultdict[tuple[str | None, str | None], deque[T]] = defaultdict(deque)
    for each in kept:
        caller = whose(each)
        of_owner[caller.key_name][caller.owner] += 1
        oldest[caller.key_name, caller.owner].append(each)
    gone: set[int] = set()
    for _ in range(len(kept) - limit):
        [(key, _)] = of_key.most_common(1)
        [(owner, _)] = of_owner[key].most_common(1)
        of_key[key] -= 1
        of_owner[key][owner] -= 1
        gone.add(id(oldest[key, owner].popleft()))
    return [each for each in kept if id(each) not in gone]
