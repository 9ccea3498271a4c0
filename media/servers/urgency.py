"""How urgent a computation is."""

from enum import IntEnum


class Urgency(IntEnum):
    """The order in which computations that wait are started: the smallest first.

    Speech comes before looks, final captions before interim ones, answers before generation. An
    interim caption waits for an answer: the next one stands in for it, and nothing for the answer.
    What can be left out is last, in the order in which it is left out.
    """

    TURNS = 0
    FINAL_CAPTION = 1
    ANSWER = 2
    INTERIM_CAPTION = 3
    GENERATION = 4
    LOOK = 5


SPEECH = frozenset({Urgency.FINAL_CAPTION, Urgency.INTERIM_CAPTION})
