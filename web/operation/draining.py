"""An orderly end: no session starts any more, and those that run have some time left."""

import logging
from dataclasses import dataclass

from web.context import ServiceContext
from web.realtime.resumable_session import ResumableSession

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Draining:
    """Lets sessions end within `seconds`; times are on the service's clock."""

    context: ServiceContext
    seconds: float
    _until: float | None = None

    def step(self) -> bool:
        """Begin at the first call; return whether the service may end now."""
        context = self.context
        now = context.clock.now()
        if self._until is None:
            self._until = now + self.seconds
            context.sessions.close()
            self._tell()
        return now >= self._until or (not context.sessions.live() and context.lines.files.idle)

    def _tell(self) -> None:
        context = self.context
        live = context.sessions.live()
        logger.info("no session starts any more; %d have %g s left", len(live), self.seconds)
        message = f"the service ends in {self.seconds:g} s: finish, or connect again later"
        for record in live:
            if isinstance(record.live, ResumableSession):
                context.tasks.create_task(record.live.warn(message), name="warn")
