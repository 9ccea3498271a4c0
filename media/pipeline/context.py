"""What all stages of one session share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from media.clock import Clock
from media.counters import Counters
from media.events import Output
from media.pipeline.limits import Limits
from media.pipeline.models import Services
from media.pipeline.questions import OpenQuestions

Send = Callable[[Output], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionContext:
    """Where outputs go, what the models are, and what this session counts and may do.

    `memory` is the folder that keeps what was seen; None where that ends with the session.
    """

    send: Send
    services: Services
    clock: Clock
    limits: Limits
    questions: OpenQuestions
    counters: Counters
    memory: Path | None = None
