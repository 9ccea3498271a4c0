"""What a question about the scene asks for, and about which part of the stream."""

from dataclasses import dataclass
from enum import StrEnum

from models.assistant.scene.query_parsing import QueryTerm


class Wanted(StrEnum):
    """What a question asks for."""

    NAME = "name"  # what is in view
    PRESENCE = "presence"  # whether a thing or person is in view
    CHOICE = "choice"  # which of several things it is
    PEOPLE = "people"  # how many persons
    COUNT = "count"  # how many things, or whether as many as the question says
    ON = "on"  # what is on a table
    IS_ON = "is on"  # whether a thing is on a table
    BESIDE = "beside"  # what is left or right of a thing, above or below it
    HOLDING = "holding"  # what somebody holds
    IS_HELD = "is held"  # whether somebody holds a thing
    WHO = "who"
    WHEN = "when"
    WHERE = "where"
    SIDE = "side"  # what is on the left
    COLOUR = "colour"
    IS_COLOUR = "is colour"  # whether a thing is red
    IS_SIDE = "is side"  # whether a thing is on the left
    ORDER = "order"  # what came before or after a thing
    WHICH_FIRST = "which first"  # which of two things came first or last
    ENDS = "ends"  # the first or last thing of all
    LIST = "list"  # everything that was seen
    AT = "at"  # what was in view at a time
    DURATION = "duration"
    TIMES = "times"  # how many times a thing came
    CHANGE = "change"
    EMPTY = "empty"


class Scope(StrEnum):
    """Which part of the stream a question is about; `none` if it is not about what is seen."""

    NOW = "now"
    PAST = "past"
    BOTH = "both"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A question about the scene.

    `terms` are its things, `persons` is whether it is about people. `word` is a color, a side,
    `before`, `after`, `first`, `last`, `count`, `this`, `gone`, `and`, `things`, a table, or a
    number such as `more than two`, if the form has one.
    `time` is in seconds of the stream; if `ago`, in seconds before the question. What came before
    or after an `anchor`, in seconds, is that of a moment which was named.
    """

    wanted: Wanted
    scope: Scope
    terms: tuple[QueryTerm, ...] = ()
    persons: bool = False
    word: str = ""
    time: float = 0.0
    ago: bool = False
    anchor: float | None = None
