"""When a standing request is met, decided from the observations of the frames.

For each request, a sum of evidence (`requests.evidence`) tracks whether its target is in view. The
request is met when the sum crosses the threshold of the other state, and only then again when it
has crossed back. VideoLLM-online (Chen et al. 2024) speaks when the probability of silence falls
below a threshold; here the evidence comes from perception instead of a language model, and the
thresholds were chosen for a limit on false alarms.

    tracker = RequestTracker()
    state = tracker.add(tracker.init_state(), request, now)
    state, decisions = tracker.step(state, observation)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.assistant.requests.evidence import EvidenceConfig, accumulated, in_view, log_odds
from models.assistant.requests.parsing import Request, StopRequest
from models.assistant.requests.phrases import notice, text_notice
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.seen_text import says
from models.errors import TooManyRequestsError

INTERVAL = 0.5  # seconds between the observations that the evidence was measured on
# Evidence of one reading: text that was read is there, and what was missed twice is gone.
READ, MISSED, TEXT_CAP = 7.0, -3.5, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRequest:
    """A standing request: the time since it stands, its evidence, and whether it is in view.

    `in_view` is None until the evidence has crossed a threshold for the first time.
    """

    id: int
    request: Request
    since: float
    log_odds: float = 0.0
    in_view: bool | None = None


@dataclass(frozen=True, slots=True)
class TrackedRequests:
    """The standing requests, oldest first; `time` is that of the newest observation, in seconds."""

    requests: tuple[TrackedRequest, ...] = ()
    next_id: int = 1
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDecision:
    """A request that is met: when, what to say, and the scene that decided it."""

    id: int
    time: float
    sentence: str
    scene: SceneEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTracker:
    """Checks requests against observations; one serves all sessions, at `limit` requests each.

    Requests about text are refused unless it `reads`: unless `step_text` is called, too.
    """

    reads: bool = False
    config: EvidenceConfig = field(default_factory=EvidenceConfig)
    limit: int = 8

    def init_state(self) -> TrackedRequests:
        return TrackedRequests()

    def add(self, state: TrackedRequests, request: Request, now: float) -> TrackedRequests:
        """Add `request` at `now`, in seconds, as the last of `state.requests`.

        Raises:
            TooManyRequestsError: there are `limit` requests already.
        """
        if len(state.requests) >= self.limit:
            raise TooManyRequestsError(
                f"I am watching for {len(state.requests)} things already. "
                'Say "stop watching" first, or name one to stop watching for.'
            )
        tracked = TrackedRequest(id=state.next_id, request=request, since=now)
        return replace(state, requests=(*state.requests, tracked), next_id=state.next_id + 1)

    def stop(
        self, state: TrackedRequests, stop: StopRequest
    ) -> tuple[TrackedRequests, Sequence[TrackedRequest]]:
        """End the requests that `stop` matches; return the new state, and the ended requests."""
        ended = [tracked for tracked in state.requests if _matches(stop, tracked.request.target)]
        kept = tuple(tracked for tracked in state.requests if tracked not in ended)
        return replace(state, requests=kept), ended

    def step(
        self, state: TrackedRequests, observation: Observation
    ) -> tuple[TrackedRequests, Sequence[RequestDecision]]:
        """Add the evidence of one observation; return the requests that it meets."""
        time = observation.scene.time
        seen = replace(state, time=time)
        if not observation.scene.names:  # a dark or covered camera is no evidence
            return seen, ()
        weight = 1.0 if state.time is None else min((time - state.time) / INTERVAL, 1.0)
        kept, decisions = [], []
        for before in state.requests:
            if before.request.target.reads:
                kept.append(before)
                continue
            after = self._updated(before, observation, weight)
            met = _is_met(before, after)
            if met:
                earlier = before.in_view is not None
                sentence = notice(before.request, observation.scene, earlier=earlier)
                decisions.append(_decision(before, observation.scene, sentence))
            if not met or before.request.repeat:
                kept.append(after)
        return replace(seen, requests=tuple(kept)), decisions

    def step_text(
        self, state: TrackedRequests, scene: SceneEntry
    ) -> tuple[TrackedRequests, Sequence[RequestDecision]]:
        """Add the evidence of `scene`, whose text was read; return the requests that it meets."""
        texts = [text for text, _ in scene.text]
        kept, decisions = [], []
        for before in state.requests:
            if not before.request.target.reads:
                kept.append(before)
                continue
            after = self._read(before, texts)
            met = _is_met(before, after)
            if met:
                decisions.append(_decision(before, scene, text_notice(before.request, texts)))
            if not met or before.request.repeat:
                kept.append(after)
        return replace(state, requests=tuple(kept)), decisions

    def flush(self, state: TrackedRequests) -> tuple[()]:
        """Return nothing: a request that is not met by the end of the stream has no message."""
        del state
        return ()

    def _updated(
        self, tracked: TrackedRequest, observation: Observation, weight: float
    ) -> TrackedRequest:
        target = tracked.request.target
        added = weight * log_odds(target, observation, self.config)
        total = accumulated(tracked.log_odds, added, self.config.model_for(target).cap)
        now = in_view(tracked.in_view, total, self.config.threshold)
        return replace(tracked, log_odds=total, in_view=now)

    def _read(self, tracked: TrackedRequest, texts: Sequence[str]) -> TrackedRequest:
        phrase = tracked.request.target.phrase
        there = says(texts, phrase) if phrase else bool(texts)
        total = accumulated(tracked.log_odds, READ if there else MISSED, TEXT_CAP)
        now = in_view(tracked.in_view, total, self.config.threshold)
        return replace(tracked, log_odds=total, in_view=now)


def _decision(tracked: TrackedRequest, scene: SceneEntry, sentence: str) -> RequestDecision:
    return RequestDecision(id=tracked.id, time=scene.time, sentence=sentence, scene=scene)


def _is_met(before: TrackedRequest, after: TrackedRequest) -> bool:
    request = before.request
    if after.in_view is before.in_view or after.in_view is request.absent:
        return False
    return before.in_view is not None or not request.on_change


def _matches(stop: StopRequest, target: Target) -> bool:
    if stop.reads:
        return target.reads
    if not stop.name_ids and not stop.persons:
        return True
    return bool(stop.name_ids & target.name_ids) or (stop.persons and target.people > 0)
