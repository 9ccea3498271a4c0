"""A small file that keeps what keys have used, so that a restart does not give it back.

Several services may name the same file: each writes what all have used.
"""

import json
import logging
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from media.worker import Worker
from web.access.keys.used_amounts import UsedAmounts, UsedCell

logger = logging.getLogger(__name__)

SUFFIX = ".used"  # of the file beside that of the keys
MAX_SIZE = 4 << 20  # bytes
_CELLS: TypeAdapter[list[UsedCell]] = TypeAdapter(list[UsedCell])


class UsageFile:
    """Keeps `used` in the file `path`."""

    def __init__(self, path: Path, used: UsedAmounts) -> None:
        self._path = path
        self._used = used
        self._saved = 0  # version
        self._failed = False

    def load(self) -> None:
        """Learn what the file has."""
        self._used.merge(self._read())

    async def save(self, worker: Worker) -> None:
        """Write what has been used, if that has changed.

        `worker` reads and writes; only the caller's thread touches what is counted meanwhile.
        """
        if self._used.version == self._saved:
            return
        self._used.merge(await worker.run(self._read))
        version, cells = self._used.version, self._used.changes()
        if await worker.run(self._write, cells[::-1]):
            self._saved = version

    def _read(self) -> list[UsedCell]:
        """Return what the file has; one that is damaged is an error in the log, and replaced."""
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_SIZE + 1)
            if len(data) > MAX_SIZE:
                raise ValueError(f"expected at most {MAX_SIZE} bytes")
            return _CELLS.validate_json(data)
        except FileNotFoundError:
            return []
        except (OSError, ValidationError, ValueError) as error:
            reason = "not what this service writes" if isinstance(error, ValidationError) else error
            text = "%s: the minutes that keys have used are not known: %s"
            logger.error(text, self._path, reason)  # noqa: TRY400 - no fault of ours
            return []

    def _write(self, cells: list[UsedCell]) -> bool:
        """Return whether `cells` could be written; why not is logged once."""
        partial = self._path.with_name(f"{self._path.name}.{self._used.process}")
        try:
            partial.write_text(json.dumps(cells))
            partial.replace(self._path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if not self._failed:
                text = "%s: a restart forgets the minutes that keys have used: %s"
                logger.warning(text, self._path, error)
            self._failed = True
            return False
        self._failed = False
        return True
