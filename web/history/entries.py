"""The entries of a session's history: what was said, asked, answered and remembered, in order.

Each is a JSON object with a `type`: that of the event which clients get, where there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from media.events.answers import Announce, Answer, AnswerStatus, Evidence, Question
from media.events.hearing import Caption, Translation
from media.events.session import Input, Output
from media.events.speakers import Speakers
from media.events.vision import Remembered, RequestMet, StandingRequests
from models.assistant.interface import Moment
from web.protocol.speech_input import caption_fields, speakers_fields
from web.protocol.vision import data_url, moment_fields

Fields = dict[str, Any]
MAX_OPEN = 256  # answers in progress; a session has a few


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, typed or spoken; `pictures` says how many came with it."""

    id: str
    text: str
    time: float
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """The whole answer to question `id`, and the moments that it is based on."""

    id: str
    text: str
    time: float
    status: AnswerStatus
    reason: str
    moments: tuple[Moment, ...]


Entry = (
    Caption
    | Translation
    | Speakers
    | Remembered
    | RequestMet
    | StandingRequests
    | AskedQuestion
    | GivenAnswer
)


class EntryMaker:
    """Makes entries of the inputs and outputs of one session: answers become whole.

    What was overheard is a question once it is answered: it may have been a remark.
    """

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._moments: dict[str, tuple[Moment, ...]] = {}
        self._announced: set[str] = set()
        self._overheard: dict[str, AskedQuestion] = {}

    def of_input(self, item: Input) -> Entry | None:
        """Return the entry that `item` makes, if it makes one."""
        match item:
            case Question():
                asked = AskedQuestion(item.id, item.text, item.time, len(item.pictures))
                if not item.overheard:
                    return asked
                self._overheard[item.id] = asked
                return None
            case Announce():
                self._announced.add(item.id)  # its `RequestMet` has been an entry
                return None
            case _:
                return None

    def of_output(self, output: Output) -> Entry | None:
        """Return the entry that `output` makes or completes, if it does."""
        match output:
            case Caption() if output.final and output.words:
                return output
            case Translation() if output.final and output.text:
                return output
            case Speakers() | Remembered() | RequestMet() | StandingRequests():
                return output
            case Evidence():
                self._moments[output.id] = output.moments
                self._forget_oldest()
                return None
            case Answer():
                return self._answered(output)
            case _:
                return None

    def _answered(self, piece: Answer) -> AskedQuestion | GivenAnswer | None:
        texts = self._texts.setdefault(piece.id, [])
        texts.append(piece.text)
        if piece.status == "streaming":
            self._forget_oldest()
            return self._overheard.pop(piece.id, None) if piece.text else None
        text = "".join(self._texts.pop(piece.id)).strip()
        self._overheard.pop(piece.id, None)
        moments = self._moments.pop(piece.id, ())
        if piece.id in self._announced:
            self._announced.discard(piece.id)
            return None
        if piece.status == "completed" and not text:
            return None  # to a remark
        return GivenAnswer(piece.id, text, piece.time, piece.status, piece.reason, moments)

    def _forget_oldest(self) -> None:
        """Forget answers that never ended, if there are too many."""
        begun: dict[str, Any]
        for begun in (self._texts, self._moments, self._overheard):
            while len(begun) > MAX_OPEN:
                begun.pop(next(iter(begun)))


def entry_fields(entry: Entry, names: Mapping[int, str]) -> Fields:
    """Return an entry as JSON; `names` are those of the speakers then."""
    match entry:
        case Caption():
            return {"type": "eyeline.caption", **caption_fields(entry, names)}
        case Translation():
            fields = {"turn": entry.turn, "text": entry.text, "language": entry.language}
            return {"type": "eyeline.translation", **fields, "stable": entry.text, "final": True}
        case Speakers():
            return {"type": "eyeline.speakers", **speakers_fields(entry)}
        case AskedQuestion() | GivenAnswer():
            return _exchange_fields(entry)
        case _:
            return _seen_fields(entry)


def _exchange_fields(entry: AskedQuestion | GivenAnswer) -> Fields:
    fields = {"id": entry.id, "text": entry.text, "time": round(entry.time, 3)}
    if isinstance(entry, AskedQuestion):
        return {"type": "question", **fields, "pictures": entry.pictures}
    ended = {"status": entry.status, "reason": entry.reason}
    moments = [moment_fields(each) for each in entry.moments]
    return {"type": "answer", **fields, **ended, "moments": moments}


def _seen_fields(entry: Remembered | RequestMet | StandingRequests) -> Fields:
    match entry:
        case Remembered():
            image = None if entry.picture is None else data_url(entry.picture)
            moment = moment_fields(entry.moment)
            return {"type": "eyeline.memory.moment", **moment, "image": image}
        case RequestMet():
            met = {"request": entry.request, "text": entry.text.strip()}
            return {"type": "request_met", **met, "moment": moment_fields(entry.moment)}
        case StandingRequests():
            return {"type": "eyeline.requests", "requests": list(entry.requests)}
