"""Calls of functions, as the outside model makes them."""

import secrets
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from media.dialogue import CalledFunction, FunctionCall
from media.pipeline.models.answerer import AnswerItem
from media.pipeline.outside.completion import CallDelta


class StreamedCalls:
    """The calls of one completion, which come in pieces. None gets an id that is in `used`.

    Some models begin with the same ids in each answer, and some servers number all calls 0.
    """

    def __init__(self, used: Iterable[str]) -> None:
        self._used = set(used)
        self._calls: list[FunctionCall] = []
        self._places: dict[int, int] = {}  # of the server's numbers
        self._ids: dict[int, str] = {}  # of the server, by place

    def add(self, piece: CallDelta) -> None:
        """Add a piece to its call, or the call that it begins."""
        at = self._places.get(piece.number)
        if at is None or piece.id not in ("", self._ids[at]):
            self._places[piece.number] = at = len(self._calls)
            self._ids[at] = piece.id
            self._calls.append(FunctionCall(self._new_id(piece.id), piece.name, piece.arguments))
            return
        before = self._calls[at]
        arguments = before.arguments + piece.arguments
        self._calls[at] = replace(before, name=before.name or piece.name, arguments=arguments)

    def made(self) -> tuple[FunctionCall, ...]:
        return tuple(self._calls)

    def _new_id(self, wanted: str) -> str:
        id = wanted if wanted and wanted not in self._used else f"call_{secrets.token_hex(8)}"
        self._used.add(id)
        return id


@dataclass(slots=True)
class ModelTurn:
    """What the model said in one turn, and the calls that are the service's to answer.

    `clients` are the names of the client's functions; `called` is whether there was a call of one.
    """

    clients: Set[str]
    text: str = ""
    own: list[FunctionCall] = field(default_factory=list)
    called: bool = False

    def add(self, item: AnswerItem) -> bool:
        """Note an item of the turn; return whether it is for the client."""
        if isinstance(item, str):
            self.text += item
        elif isinstance(item, CalledFunction):
            if item.call.name not in self.clients:
                self.own.append(item.call)
                return False
            self.called = True
        return True
