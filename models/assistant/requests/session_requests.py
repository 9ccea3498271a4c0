"""Standing requests of a session: from what the user says to the messages when they are met."""

from dataclasses import dataclass, field

from models.assistant.interface import AssistantAnswer, MetRequest, Moment
from models.assistant.requests.parsing import (
    Request,
    StopRequest,
    UnsupportedRequest,
    parse_request,
)
from models.assistant.requests.phrases import NOTHING_STANDS, STOPPED, confirmation
from models.assistant.requests.standing_requests import RequestTracker, TrackedRequests
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import describe
from models.errors import TooManyRequestsError


@dataclass(slots=True, eq=False)
class SessionRequests:
    """The standing requests, and the user's text of each by its id."""

    tracked: TrackedRequests = field(default_factory=TrackedRequests)
    texts: dict[int, str] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[str, ...]:
        """The texts of the standing requests, oldest first."""
        return tuple(self.texts[request.id] for request in self.tracked.requests)


def update_requests(
    tracker: RequestTracker, state: SessionRequests, text: str, time: float
) -> AssistantAnswer | None:
    """Add or end requests if `text` asks for that; return the reply, or None for a question."""
    parsed = parse_request(text)
    if parsed is None:
        return None
    return AssistantAnswer(iter([_apply(tracker, state, parsed, text, time)]))


def check_requests(
    tracker: RequestTracker, state: SessionRequests, observation: Observation, number: int
) -> tuple[MetRequest, ...]:
    """Return the requests that `observation` meets; `number` is that of the last stored moment."""
    state.tracked, decisions = tracker.step(state.tracked, observation)
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
    try:
        state.tracked = tracker.add(state.tracked, parsed, time)
    except TooManyRequestsError as error:
        return str(error)
    state.texts[state.tracked.requests[-1].id] = text.strip()
    return confirmation(parsed)
