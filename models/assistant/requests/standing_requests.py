"""When to speak unasked: standing requests, watched over the looks that are made anyway.

For each request a sum of evidence (`requests.evidence`) follows whether its target is in view.
The service speaks when the sum crosses the threshold of the other state, and is armed again only
when it has crossed back. In the terms of VideoLLM-online (Chen et al. 2024), silence is broken
when its probability falls under a threshold; here the evidence is the eyes' and not a language
model's, and was chosen within a budget of false alarms.

    standing = Standing()
    state = standing.add(standing.init_state(), request, now)
    state, noticed = standing.step(state, look)     # after every look
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.assistant.requests.evidence import Tuning, added, evidence, known
from models.assistant.requests.parsing import Request, Stop
from models.assistant.requests.phrases import notice
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.errors import TooManyRequestsError

PACE = 0.5  # seconds between the looks that the evidence was measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRequest:
    """A request that stands: since when, the sum of its evidence, and what is known by now.

    `there` is None until the sum has crossed a threshold for the first time.
    """

    id: int
    request: Request
    since: float
    sum: float = 0.0
    there: bool | None = None


@dataclass(frozen=True, slots=True)
class TrackedRequests:
    """The requests that stand, oldest first; `time` is that of the newest look, in seconds."""

    watches: tuple[TrackedRequest, ...] = ()
    next: int = 1
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecision:
    """What was waited for: the request, when, what to say, and the look that decided."""

    id: int
    time: float
    sentence: str
    moment: SceneEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTracker:
    """Watches over looks; one serves every session. `limit` requests stand at once at most."""

    tuning: Tuning = field(default_factory=Tuning)
    limit: int = 8

    def init_state(self) -> TrackedRequests:
        return TrackedRequests()

    def add(self, state: TrackedRequests, request: Request, now: float) -> TrackedRequests:
        """Let `request` stand from `now`, in seconds; the newest of `state.watches` is its watch.

        Raises:
            TooManyRequestsError: `limit` requests stand already.
        """
        if len(state.watches) >= self.limit:
            raise TooManyRequestsError(
                f"I am watching for {len(state.watches)} things already. "
                'Say "stop watching" first, or name one to stop watching for.'
            )
        watch = TrackedRequest(id=state.next, request=request, since=now)
        return replace(state, watches=(*state.watches, watch), next=state.next + 1)

    def stop(
        self, state: TrackedRequests, stop: Stop
    ) -> tuple[TrackedRequests, Sequence[TrackedRequest]]:
        """End the requests that `stop` means; return also those that it ended."""
        ended = [watch for watch in state.watches if _meant(stop, watch.request.target)]
        kept = tuple(watch for watch in state.watches if watch not in ended)
        return replace(state, watches=kept), ended

    def step(
        self, state: TrackedRequests, look: Observation
    ) -> tuple[TrackedRequests, Sequence[RequestDecision]]:
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
            noticed.append(
                RequestDecision(id=watch.id, time=time, sentence=sentence, moment=look.moment)
            )
            if watch.request.repeat:
                kept.append(new)
        return replace(seen, watches=tuple(kept)), noticed

    def flush(self, state: TrackedRequests) -> tuple[()]:
        """Return nothing: what has not happened by the end is not said."""
        del state
        return ()

    def _moved(self, watch: TrackedRequest, look: Observation, weight: float) -> TrackedRequest:
        target = watch.request.target
        says = weight * evidence(target, look, self.tuning)
        total = added(watch.sum, says, self.tuning.weighing(target).cap)
        return replace(watch, sum=total, there=known(watch.there, total, self.tuning.sure))


def _due(before: TrackedRequest, after: TrackedRequest) -> bool:
    request = before.request
    if after.there is before.there or after.there is request.gone:
        return False
    return before.there is not None or not request.change


def _meant(stop: Stop, target: Target) -> bool:
    if not stop.names and not stop.persons:
        return True
    return bool(stop.names & target.names) or (stop.persons and target.people > 0)
