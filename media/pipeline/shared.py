"""What all stages of one session share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from media.clock import Clock
from media.counters import Counters
from media.events import Output
from media.pipeline.limits import Limits
from media.pipeline.questions import Questions
from media.pipeline.services import Services

Send = Callable[[Output], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """Where outputs go, what the models are, and what this session counts and may do."""

    send: Send
    services: Services
    clock: Clock
    limits: Limits
    questions: Questions
    counters: Counters
