"""Whether what a soak measured stays, from a row of measures for each minute.

The last third of the minutes is compared with the second; the first warms up. Memory that is more
fills up what is bounded (captions and moments of sessions, what the allocator keeps), if it grows
by half as much a minute as before or less; a leak does not slow down. A service that is starved
fills its queues.
"""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from math import isnan, nan

STARVED = 5.0  # seconds that words are shown late in the median
TOLERANCES = {  # what the last third may have more than the second: share, and absolute
    "memory": (0.03, 16.0),  # MiB
    "descriptors": (0.0, 4.0),
    "threads": (0.0, 4.0),
    "shown": (0.25, 0.5),  # s
    "stable": (0.25, 0.5),  # s
}


def verdict(rows: Sequence[dict[str, float]]) -> Iterator[str]:
    """Yield whether each measure of the last third is that of the second."""
    third = len(rows) // 3
    if third == 0:
        yield "too short to compare thirds"
        return
    second, last = rows[third : 2 * third], rows[-third:]
    late = middle([row["shown"] for row in (*second, *last)])
    if not late <= STARVED:
        yield f"STARVED: words were shown {late:.0f} s late: what grows may be what waits"
    for name, (share, absolute) in TOLERANCES.items():
        before, after = (middle([row[name] for row in part]) for part in (second, last))
        rates = [slope([row[name] for row in part]) for part in (second, last)]
        found = f"GROWS by {rates[1]:.2f} a minute"
        if after <= before * (1 + share) + absolute:
            found = "flat"
        elif name == "memory" and rates[1] <= rates[0] / 2:
            found = f"fills up: by {rates[0]:.2f}, then by {rates[1]:.2f} MiB a minute"
        yield f"{name}: {before:.2f} -> {after:.2f}: {found}"


def middle(values: Sequence[float]) -> float:
    """Return the median of those that were measured."""
    measured = [each for each in values if not isnan(each)]
    return statistics.median(measured) if measured else nan


def slope(values: Sequence[float]) -> float:
    """Return how much they grow from one to the next, by the median of all pairs (Theil, Sen)."""
    pairs = itertools.combinations(enumerate(values), 2)
    return middle([(second - first) / (m - n) for (n, first), (m, second) in pairs])
