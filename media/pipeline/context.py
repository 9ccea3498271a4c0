"""What the stages of one session share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from media.clock import Clock
from media.counters import Counters
from media.events.session import Output
from media.pipeline.carried import CarriedState
from media.pipeline.limits import Limits
from media.pipeline.models.services import Services
from media.pipeline.questions import OpenQuestions

Send = Callable[[Output], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionContext:
    """The output, models, clock, limits and counters of a session.

    `memory` is the folder of the assistant's memory; None discards it when the session ends. With
    `durable_memory` it is written as it grows, so that it survives the process. `carried` is what
    another process left of the session, or nothing yet.
    """

    send: Send
    services: Services
    clock: Clock
    limits: Limits
    questions: OpenQuestions
    counters: Counters
    memory: Path | None = None
    durable_memory: bool = False
    carried: CarriedState = field(default_factory=CarriedState)
