"""What a session gets from a video model: plain values, whatever the model is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at `time`, in seconds, in words; `number` is its own within a session."""

    number: int
    time: float
    text: str


@dataclass(frozen=True, slots=True)
class MetRequest:
    """What was asked to be told, in the words of `request`, has come: `text` says so."""

    request: str
    text: str
    moment: Moment


@dataclass(frozen=True, slots=True, eq=False)
class FrameAnalysis:
    """What came of looking at a picture.

    `remembered` went into memory, in order of time. `relevance` is float32 (rows, columns) in
    [0, 1]: where `about`, or what there is if that is empty, was seen; None where unknown.
    """

    remembered: tuple[Moment, ...] = ()
    noticed: tuple[MetRequest, ...] = ()
    relevance: NDArray[np.float32] | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class AssistantAnswer:
    """An answer: its `pieces` as they are made, and what it is made from, in order of time.

    `read` is how many tokens the model reads for it, what it remembers included; 0 where no
    model is asked. A piece is a token of its own, but for letters that take several.
    """

    pieces: Iterator[str]
    moments: tuple[Moment, ...] = ()
    read: int = 0
