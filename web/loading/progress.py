"""Progress of commands and downloads on standard error."""

import logging
import sys
from collections.abc import Callable
from typing import Self

logger = logging.getLogger(__name__)

LONG = 600.0  # seconds of media, or MB
WIDTH = 40  # characters of a bar


class ProgressBar:
    """A progress bar on a terminal; elsewhere a line for each tenth of work of `LONG` and more.

    `total` is in `unit`, None if unknown. A `hidden` one shows nothing on a terminal.
    """

    def __init__(
        self,
        total: float | None = None,
        *,
        unit: str = "s",
        label: str = "",
        hidden: bool = False,
    ) -> None:
        self._total = total
        self._unit = unit
        self._label = f"{label} " if label else ""
        self._shown = ""
        self._tenths = 0
        self._terminal = sys.stderr.isatty()
        self._hidden = hidden

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, done: float, total: float | None = None) -> None:
        """Show that `done` is reached; `total` is for those that were created without one."""
        total = total or self._total
        if not self._terminal:
            self._tell_tenths(done, total)
            return
        line = self._line(done, total)
        if not self._hidden and line != self._shown:
            self._shown = line
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line on the terminal."""
        if self._shown:
            self._shown = ""
            sys.stderr.write("\n")

    def _tell_tenths(self, done: float, total: float | None) -> None:
        tenths = int(10 * min(1.0, done / total)) if total and total >= LONG else 0
        if tenths > self._tenths:
            self._tenths = tenths
            shown = f"{self._label}{tenths * 10} %: {done:.0f} of {total:.0f} {self._unit}"
            sys.stderr.write(f"{shown}\n")

    def _line(self, done: float, total: float | None) -> str:
        if not total:
            return f"{self._label}{done:.0f} {self._unit}"
        share = min(1.0, done / total)
        bar = f"{'#' * round(share * WIDTH):.<{WIDTH}}"
        return f"{self._label}[{bar}] {share:4.0%} {done:.0f} of {total:.0f} {self._unit}"


def download_progress(name: str) -> Callable[[int, int], None]:
    """Return a callback for the download of `name`: a bar, or a log line for each quarter."""
    if not sys.stderr.isatty():
        return _log_quarters(name)
    bar = ProgressBar(unit="MB", label=name)

    def show(done: int, total: int) -> None:
        bar.update(done / 1e6, total / 1e6)
        if done >= total:
            bar.close()

    return show


def making_progress() -> Callable[[str, str, int, int], None]:
    """Return a callback for engines that are made: network, phase, steps done, steps in all or 0.

    A line says when each phase starts; on a terminal, a bar shows the steps of a long one.
    """
    bar = ProgressBar(unit="steps", hidden=not sys.stderr.isatty())

    def show(name: str, phase: str, done: int, total: int) -> None:
        if done == 0:
            bar.close()
            logger.info("%s: %s", name, phase)
        elif total > 1:
            bar.update(done, total)
            if done >= total:
                bar.close()

    return show


def _log_quarters(name: str) -> Callable[[int, int], None]:
    reported = -1

    def log(done: int, total: int) -> None:
        nonlocal reported
        quarter = 4 * done // max(1, total)
        if quarter > reported:
            reported = quarter
            logger.info("downloaded %d of %d MB of %s", done / 1e6, total / 1e6, name)

    return log
