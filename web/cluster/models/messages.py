"""What an edge and a worker of models say to each other."""

from dataclasses import dataclass
from typing import Any

from media.errors import MediaError
from media.servers.urgency import Urgency


class WorkerLostError(MediaError):
    """A worker has ended, or does not answer: what it computed is computed elsewhere."""


@dataclass(frozen=True, slots=True, eq=False)
class StepCall:
    """Steps of a stream of `model` for a worker, which returns the outputs of the last chunk.

    The stream has had `base` steps; a worker that does not know it so far needs its state after
    them, unless there were none. The last step is not started after `max_wait` seconds, and has
    waited for `waited` already. With `once` the stream is over then.
    """

    model: str
    stream: str
    base: int
    chunks: tuple[Any, ...]
    urgency: Urgency
    max_wait: float
    waited: float
    once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StepOutcome:
    """The `outputs` of a step, or why there are none; `known` is whether the stream was.

    It waited and ran for so many seconds. With `checkpoint` its state comes along; one that is
    `fixed` can never be sent.
    """

    outputs: tuple[Any, ...] = ()
    failure: Exception | None = None
    known: bool = True
    waited: float = 0.0
    ran: float = 0.0
    checkpoint: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """How long jobs wait at a worker, in seconds, and which part of the time it computes."""

    wait: float
    busy: float
