"""What looks say of whether something is in view: evidence in log odds, summed over looks.

One odd look says little and several agreeing ones much. The numbers are chosen on pictures by
`models.training.requests.tune`. Source of the sum: Page 1954 (cumulative sums), with a cap on
each side.
"""

import math
from dataclasses import dataclass, field

from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation

STEADY = 1e-3  # shares are kept this far from 0 and 1
NOT_FOUND = 0.05  # how sure the detector is of a person for whom it has no box


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What one look says, in log odds: those of its share times `slope`, plus `offset`.

    No look says more than `hit` for or `miss` against; the sum of looks stays within `cap`.
    """

    slope: float
    offset: float
    hit: float
    miss: float
    cap: float

    def says(self, share: float) -> float:
        share = min(max(share, STEADY), 1 - STEADY)
        raw = self.slope * math.log(share / (1 - share)) + self.offset
        return min(max(raw, -self.miss), self.hit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How looks are weighed: numbers that `python -m models.training.requests.tune` prints.

    From a sum of `sure` on the target is in view (3 in log odds: 0.95), from `-sure` down it is
    not, and between them what was so stays so. A thing of the wrong colour says `-other`.
    """

    thing: Weighing = field(
        default_factory=lambda: Weighing(slope=1.13, offset=3.34, hit=6.0, miss=6.0, cap=4.0)
    )
    person: Weighing = field(
        default_factory=lambda: Weighing(slope=1.85, offset=0.0, hit=2.0, miss=1.5, cap=4.0)
    )
    other: float = 1.04
    sure: float = 3.0

    def weighing(self, target: Target) -> Weighing:
        return self.person if target.people else self.thing


def evidence(target: Target, look: Observation, tuning: Tuning) -> float:
    """Return the log odds that `look` gives for `target` being in view."""
    says = -math.inf
    if target.people:
        says = tuning.person.says(person_share(look, target.people))
    if target.names:
        says = max(says, tuning.thing.says(thing_share(look, target.names)))
        if target.colour and says > 0 and look.moment.colour != target.colour:
            says = -tuning.other
    return says


def person_share(look: Observation, count: int) -> float:
    """Return how sure the detector is that there are `count` persons at least."""
    return look.persons[count - 1] if len(look.persons) >= count else NOT_FOUND


def thing_share(look: Observation, names: frozenset[int]) -> float:
    """Return the share of all `names` together."""
    return float(look.shares[sorted(names)].sum())


def added(total: float, says: float, cap: float) -> float:
    """Return the sum after one more look."""
    return min(max(total + says, -cap), cap)


def known(there: bool | None, total: float, sure: float) -> bool | None:
    """Return whether the target is in view by `total`, if it was `there` before."""
    if total >= sure:
        return True
    if total <= -sure:
        return False
    return there
