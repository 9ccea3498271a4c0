"""Standing requests in a session: from what a person said to what is told when it comes."""

from dataclasses import dataclass, field

from models.assistant.interface import AssistantAnswer, MetRequest, Moment
from models.assistant.requests.parsing import Request, Stop, Unwatchable, parse
from models.assistant.requests.phrases import NOTHING_STANDS, STOPPED, confirmation
from models.assistant.requests.standing_requests import RequestTracker, TrackedRequests
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import line
from models.errors import TooManyRequestsError


@dataclass(slots=True, eq=False)
class Wished:
    """The requests that stand, and the words in which they were made, by their id."""

    requests: TrackedRequests = field(default_factory=TrackedRequests)
    words: dict[int, str] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[str, ...]:
        """The words of the requests that stand, oldest first."""
        return tuple(self.words[watch.id] for watch in self.requests.watches)


def heed(watching: RequestTracker, state: Wished, text: str, time: float) -> AssistantAnswer | None:
    """Take up or end requests, if that is what `text` asks; return the sentence that says so."""
    asked = parse(text)
    if asked is None:
        return None
    return AssistantAnswer(iter([_taken(watching, state, asked, text, time)]))


def look(
    watching: RequestTracker, state: Wished, seen: Observation, number: int
) -> tuple[MetRequest, ...]:
    """Return what a look brings about; `number` is that of the last moment remembered."""
    state.requests, noticed = watching.step(state.requests, seen)
    told = tuple(
        MetRequest(state.words[n.id], n.sentence, Moment(number, n.time, line(n.moment)))
        for n in noticed
    )
    standing = {watch.id for watch in state.requests.watches}
    state.words = {id: words for id, words in state.words.items() if id in standing}
    return told


def _taken(
    watching: RequestTracker,
    state: Wished,
    asked: Request | Unwatchable | Stop,
    text: str,
    time: float,
) -> str:
    if isinstance(asked, Unwatchable):
        return asked.sentence
    if isinstance(asked, Stop):
        state.requests, ended = watching.stop(state.requests, asked)
        for watch in ended:
            del state.words[watch.id]
        return STOPPED if ended else NOTHING_STANDS
    try:
        state.requests = watching.add(state.requests, asked, time)
    except TooManyRequestsError as error:
        return str(error)
    state.words[state.requests.watches[-1].id] = text.strip()
    return confirmation(asked)
