"""Standing requests of a session: from what the user says to the messages when they are met."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.assistant.interface import MetRequest, Moment
from models.assistant.requests.parsing import (
    Request,
    StopRequest,
    UnsupportedRequest,
    parse_request,
)
from models.assistant.requests.phrases import (
    CANNOT_READ,
    NOTHING_STANDS,
    STOPPED,
    confirmation,
)
from models.assistant.requests.standing_requests import (
    RequestDecision,
    RequestTracker,
    TrackedRequests,
)
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry, describe
from models.errors import TooManyRequestsError

NOT_STORED = -1  # the number of a moment


@dataclass(slots=True, eq=False)
class SessionRequests:
    """The standing requests, and the user's text of each by its id."""

    tracked: TrackedRequests = field(default_factory=TrackedRequests)
    texts: dict[int, str] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[str, ...]:
        """The texts of the standing requests, oldest first."""
        return tuple(self.texts[request.id] for request in self.tracked.requests)

    @property
    def about_text(self) -> bool:
        """Whether one of them is about text."""
        return any(tracked.request.target.reads for tracked in self.tracked.requests)


def update_requests(
    tracker: RequestTracker, state: SessionRequests, text: str, time: float, said: str = ""
) -> str | None:
    """Add or end requests if `text` asks for that; return the reply, or None for a question.

    `said` are the user's own words, if `text` is their translation.
    """
    parsed = parse_request(text)
    return None if parsed is None else _apply(tracker, state, parsed, said or text, time)


def check_requests(
    tracker: RequestTracker, state: SessionRequests, observation: Observation, number: int
) -> tuple[MetRequest, ...]:
    """Return the requests that `observation` meets; `number` is that of the last stored moment."""
    state.tracked, decisions = tracker.step(state.tracked, observation)
    return _met(state, decisions, number)


def check_text(
    tracker: RequestTracker, state: SessionRequests, scene: SceneEntry
) -> tuple[MetRequest, ...]:
    """Return the requests about text that `scene`, which was read and is not stored, meets."""
    state.tracked, decisions = tracker.step_text(state.tracked, scene)
    return _met(state, decisions, NOT_STORED)


def numbered(met: MetRequest, number: int) -> MetRequest:
    """Return `met` with the number of its moment once that is stored."""
    return replace(met, moment=replace(met.moment, number=number))


def _met(
    state: SessionRequests, decisions: Sequence[RequestDecision], number: int
) -> tuple[MetRequest, ...]:
    met = tuple(
        MetRequest(state.texts[d.id], d.sentence, Moment(number, d.time, describe(d.scene)))
        for d in decisions
    )
    standing = {request.id for request in state.tracked.requests}
    state.texts = {id: text for id, text in state.texts.items() if id in standing}
    return met


def _apply(
    tracker: RequestTracker,
    state: SessionRequests,
    parsed: Request | UnsupportedRequest | StopRequest,
    text: str,
    time: float,
) -> str:
    if isinstance(parsed, UnsupportedRequest):
        return parsed.reason
    if isinstance(parsed, StopRequest):
        state.tracked, ended = tracker.stop(state.tracked, parsed)
        for request in ended:
            del state.texts[request.id]
        return STOPPED if ended else NOTHING_STANDS
    if parsed.target.reads and not tracker.reads:
        return CANNOT_READ
    try:
        state.tracked = tracker.add(state.tracked, parsed, time)
    except TooManyRequestsError as error:
        return str(error)
    state.texts[state.tracked.requests[-1].id] = text.strip()
    return confirmation(parsed)
