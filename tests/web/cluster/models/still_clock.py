"""A clock that a test moves."""

from media.clock import LiveClock


class StillClock(LiveClock):
    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time
