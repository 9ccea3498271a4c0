"""Events of seeing: what was remembered, where the session looks, standing requests."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.assistant.interface import Moment


@dataclass(frozen=True, slots=True)
class Remembered:
    """A moment was stored in memory; `picture` is a thumbnail of it as a JPEG file."""

    moment: Moment
    picture: bytes | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """The relevance of each part of the frame at `time`: float32 (rows, columns) in [0, 1].

    `about` is the query that it is relevant to, or empty. `confidence` is how sure the model is of
    what the frame shows, in [0, 1], or None if it does not say.
    """

    time: float
    values: NDArray[np.float32]
    about: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RequestMet:
    """The standing request `request` was met; `text` is the announcement, in `language`."""

    request: str
    text: str
    moment: Moment
    language: str = "en"


@dataclass(frozen=True, slots=True)
class StandingRequests:
    """The current standing requests, in the user's words."""

    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """Something failed and the session continues without it; `message` says what to do."""

    message: str


VisionOutput = Remembered | Relevance | RequestMet | StandingRequests | Degraded
