"""How urgent a computation is."""

from enum import IntEnum


class Urgency(IntEnum):
    """The order in which computations that wait are started: the smallest first.

    Speech comes before looks, final captions before interim ones, answers before generation. An
    interim caption waits for an answer: the next one stands in for it, and nothing for the answer.
    A translation waits for the captions of all.
    What can be left out comes then, in the order in which it is left out. Files are last: nobody
    sees when a piece of a transcript is ready, but they are as urgent as generated frames once one
    has waited for PATIENCE.
    """

    TURNS = 0
    FINAL_CAPTION = 1
    ANSWER = 2
    INTERIM_CAPTION = 3
    TRANSLATION = 4
    GENERATION = 5
    LOOK = 6
    FILE = 7

    def after(self, waited: float) -> "Urgency":
        """Return how urgent it is after `waited` seconds."""
        patient = self is not Urgency.FILE or waited < PATIENCE
        return self if patient else Urgency.GENERATION


PATIENCE = 2.0  # seconds

SPEECH = frozenset({Urgency.FINAL_CAPTION, Urgency.INTERIM_CAPTION})
