"""What of a turn took which time, from the inputs and outputs of its session.

Pure, without OpenTelemetry: times are seconds of the session's clock, and a turn is told once it is
over. Nothing in a span is what was said or seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.events.answers import Answer, Evidence, Question, Speech
from media.events.hearing import Caption, TurnEnded
from media.events.session import Input, Output

Value = str | int | float | bool

MAX_OPEN = 64  # turns and questions in progress; older ones are told as they are


@dataclass(frozen=True, slots=True)
class TimedPart:
    """A part of a turn, from `start` to `end`."""

    name: str
    start: float
    end: float


@dataclass(slots=True)
class TimedTurn:
    """A turn, or a question that was not spoken, from `start` to `end`, and its parts in order."""

    name: str
    start: float
    end: float
    parts: list[TimedPart] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    text: str = ""  # of its caption, to know its question by
    question: str | None = None

    def reached(self, name: str, now: float) -> None:
        """Note that the part `name` is over at `now`; it began when the part before it ended."""
        self.parts.append(TimedPart(name, self.end, max(self.end, now)))
        self.end = max(self.end, now)

    def has(self, name: str) -> bool:
        """Return whether the part `name` is over."""
        return any(part.name == name for part in self.parts)


class TurnSpans:
    """Follows one session: give it all inputs and outputs, and take the turns that are over.

    end_of_turn: from the end of speech until the turn is taken for over. caption: until its final
    caption. retrieval: until what the answer is based on is found. first_token: until its first
    word. first_sound: until its first sound. rest: until its end.
    """

    def __init__(self) -> None:
        self._turns: dict[int, TimedTurn] = {}  # without a question
        self._questions: dict[str, TimedTurn] = {}

    def note_input(self, item: Input, now: float) -> None:
        """Note an input; a question belongs to the turn whose words it has."""
        if isinstance(item, Question):
            turn = self._turn_of(item)
            if turn is None:
                turn = TimedTurn("question", now, now)
            else:
                turn.reached("to_question", now)
            turn.question = item.id
            turn.attributes |= {"eyeline.question": item.id, "eyeline.spoken": item.spoken}
            self._questions[item.id] = turn

    def note_output(self, item: Output, now: float) -> Iterator[TimedTurn]:
        """Note an output, and yield the turns that are over."""
        match item:
            case TurnEnded():
                yield from self.finished(keep=1)
                end = min(item.end, now)
                turn = TimedTurn("turn", end, end, attributes={"eyeline.turn": item.turn})
                turn.reached("end_of_turn", now)
                self._turns[item.turn] = turn
            case Caption() if item.final and item.turn in self._turns:
                turn = self._turns[item.turn]
                turn.reached("caption", now)
                turn.text = item.text
                turn.attributes |= {"eyeline.language": item.language}
            case Evidence() if item.id in self._questions:
                turn = self._questions[item.id]
                if not turn.has("retrieval"):
                    turn.reached("retrieval", now)
                    turn.attributes["eyeline.moments"] = len(item.moments)
            case Answer() | Speech() if item.id in self._questions:
                yield from self._answered(item, now)
            case _:
                pass

    def finished(self, *, keep: int = 0) -> Iterator[TimedTurn]:
        """Yield the turns that nobody asked anything with, but the last `keep`."""
        for number in list(self._turns)[: len(self._turns) - keep]:
            yield self._turns.pop(number)
        while len(self._questions) > (MAX_OPEN if keep else 0):
            yield self._questions.pop(next(iter(self._questions)))

    def _answered(self, item: Answer | Speech, now: float) -> Iterator[TimedTurn]:
        turn = self._questions[item.id]
        if isinstance(item, Answer) and item.text and not turn.has("first_token"):
            turn.reached("first_token", now)
        if isinstance(item, Speech) and item.chunk is not None and not turn.has("first_sound"):
            turn.reached("first_sound", now)
        spoken = turn.attributes["eyeline.spoken"]
        if item.status != "streaming" and isinstance(item, Speech) == spoken:
            turn.reached("rest", now)
            turn.attributes["eyeline.status"] = item.status
            yield self._questions.pop(item.id)

    def _turn_of(self, question: Question) -> TimedTurn | None:
        for number, turn in reversed(self._turns.items()):
            if turn.has("caption") and turn.text == question.text.strip():
                return self._turns.pop(number)
        return None
