"""When to speak unasked: standing requests, watched over the looks that are made anyway.

For each request a sum of evidence follows whether its target is in view: each look adds the log
odds that it speaks for or against, so that one odd look says little and several agreeing ones
much. The service speaks when the sum crosses the threshold of the other state, and is armed
again only when it has crossed back. In the terms of VideoLLM-online (Chen et al. 2024), silence
is broken when its probability falls under a threshold; here that threshold and the evidence were
chosen on pictures by `models.training.speak`, within a budget of false alarms.

Source of the sum: Page 1954 (cumulative sums), with a cap on either side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.errors import TooManyRequestsError
from models.qa.eyes import Look
from models.qa.moments import Moment
from models.qa.requests import Request, Stop
from models.qa.said import notice
from models.qa.targets import Target

PACE = 0.5  # seconds between the looks that the evidence was measured on
STEADY = 1e-3  # shares are kept this far from 0 and 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Numbers in log odds, as `python -m models.training.speak` prints them.

    A thing's share says `slope * log odds of it + offset`, within `-miss` and `hit`; a person
    that the detector finds says `found`, and none says `-lost`; the wrong colour says `-other`.
    The sum stays within `-cap` and `cap`; from `there` on the target is in view, from `-gone`
    down it is not, and between them what was so stays so.
    """

    slope: float = 0.5
    offset: float = 1.2
    hit: float = 2.0
    miss: float = 1.0
    found: float = 2.0
    lost: float = 1.0
    other: float = 1.0
    cap: float = 5.0
    there: float = 3.0
    gone: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A request that stands: since when, the sum of its evidence, and what is known by now.

    `there` is None until the sum has crossed a threshold for the first time.
    """

    id: int
    request: Request
    since: float
    sum: float = 0.0
    there: bool | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The requests that stand, oldest first; `time` is that of the newest look, in seconds."""

    watches: tuple[Watch, ...] = ()
    next: int = 1
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What was waited for: the request, when, what to say, and the look that decided."""

    id: int
    time: float
    sentence: str
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Watches over looks; one serves every session. `limit` requests stand at once at most."""

    tuning: Tuning = field(default_factory=Tuning)
    limit: int = 8

    def init_state(self) -> State:
        return State()

    def add(self, state: State, request: Request, now: float) -> State:
        """Let `request` stand from `now`, in seconds; the newest of `state.watches` is its watch.

        Raises:
            TooManyRequestsError: `limit` requests stand already.
        """
        if len(state.watches) >= self.limit:
            raise TooManyRequestsError(
                f"I am watching for {len(state.watches)} things already. "
                'Say "stop watching" first, or name one to stop watching for.'
            )
        watch = Watch(id=state.next, request=request, since=now)
        return replace(state, watches=(*state.watches, watch), next=state.next + 1)

    def stop(self, state: State, stop: Stop) -> tuple[State, Sequence[Watch]]:
        """End the requests that `stop` means; return also those that it ended."""
        ended = [watch for watch in state.watches if _meant(stop, watch.request.target)]
        kept = tuple(watch for watch in state.watches if watch not in ended)
        return replace(state, watches=kept), ended

    def step(self, state: State, look: Look) -> tuple[State, Sequence[Noticed]]:
        """Take in a look; return what is to be said because of it."""
        time = look.moment.time
        seen = replace(state, time=time)
        if not look.moment.names:  # dark or covered: nothing was seen, and nobody has left
            return seen, ()
        weight = 1.0 if state.time is None else min((time - state.time) / PACE, 1.0)
        kept, noticed = [], []
        for watch in state.watches:
            new = self._moved(watch, look, weight)
            if not _due(watch, new):
                kept.append(new)
                continue
            sentence = notice(watch.request, look.moment, earlier=watch.there is not None)
            noticed.append(Noticed(id=watch.id, time=time, sentence=sentence, moment=look.moment))
            if watch.request.repeat:
                kept.append(new)
        return replace(seen, watches=tuple(kept)), noticed

    def flush(self, state: State) -> tuple[()]:
        """Return nothing: what has not happened by the end is not said."""
        del state
        return ()

    def _moved(self, watch: Watch, look: Look, weight: float) -> Watch:
        says = evidence(watch.request.target, look, self.tuning)
        total = added(watch.sum, weight * says, self.tuning)
        return replace(watch, sum=total, there=known(watch.there, total, self.tuning))


def evidence(target: Target, look: Look, tuning: Tuning) -> float:
    """Return the log odds that `look` gives for `target` being in view."""
    says = -math.inf
    if target.people:
        enough = look.moment.people >= target.people
        says = tuning.found if enough else -tuning.lost
    if target.names:
        share = float(look.shares[sorted(target.names)].sum())
        says = max(says, of_share(share, tuning))
        if target.colour and says > 0 and look.moment.colour != target.colour:
            says = -tuning.other
    return says


def of_share(share: float, tuning: Tuning) -> float:
    """Return the log odds that a thing with this `share` of a look is in view."""
    share = min(max(share, STEADY), 1 - STEADY)
    raw = tuning.slope * math.log(share / (1 - share)) + tuning.offset
    return min(max(raw, -tuning.miss), tuning.hit)


def added(total: float, says: float, tuning: Tuning) -> float:
    """Return the sum after one more look."""
    return min(max(total + says, -tuning.cap), tuning.cap)


def known(there: bool | None, total: float, tuning: Tuning) -> bool | None:
    """Return whether the target is in view by `total`, if it was `there` before."""
    if total >= tuning.there:
        return True
    if total <= -tuning.gone:
        return False
    return there


def _due(before: Watch, after: Watch) -> bool:
    request = before.request
    if after.there is before.there or after.there is request.gone:
        return False
    return before.there is not None or not request.change


def _meant(stop: Stop, target: Target) -> bool:
    if not stop.names and not stop.persons:
        return True
    return bool(stop.names & target.names) or (stop.persons and target.people > 0)
