"""The longest that the end of the service takes: nothing ends a thread whose computation hangs."""

import logging
import os
import threading

logger = logging.getLogger(__name__)


class ExitDeadline:
    """Ends the process `seconds` after `start`, if it has not ended by then."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, _end)
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to count; nothing happens at a second call."""
        if not self._timer.is_alive() and not self._timer.finished.is_set():
            self._timer.start()


def _end() -> None:
    """End without waiting for threads; files that are being written end as after a kill."""
    logger.warning("what has not ended is left behind")
    os._exit(0)
