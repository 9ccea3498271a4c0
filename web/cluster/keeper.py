"""Keeps checkpoints of sessions of other machines: an actor on each node.

A checkpoint is what `web.realtime.carrying` makes of a session, and the folder of its memory.
"""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from media.clock import monotonic
from web.cluster.mirror import CHUNK, FileMark, FilePiece, apply, file_marks
from web.temporary_folder import temporary_folder


@dataclass(slots=True)
class Checkpoint:
    """The parts of a session, and where its memory is; `changed` is when it last was."""

    folder: Path
    parts: dict[str, bytes] = field(default_factory=dict)
    changed: float = 0.0


class Keeper:
    """The checkpoints that this node keeps, in a folder in `parent`.

    A session that is over is dropped by its edge, one whose edge is gone after `patience` seconds.
    """

    def __init__(self, parent: Path | None, patience: float) -> None:
        self._stack = ExitStack()  # until the process ends, and its folder is abandoned
        self._folder = self._stack.enter_context(temporary_folder(parent))
        self._patience = patience
        self._checkpoints: dict[str, Checkpoint] = {}

    def keep(
        self, session: str, changed: Mapping[str, bytes], gone: Iterable[str], first: bool
    ) -> bool:
        """Change the parts of a checkpoint, or begin one; return False if it is unknown."""
        now = monotonic()
        if first:
            self._drop_old(now)
            self.drop(session)
            self._checkpoints[session] = Checkpoint(self._folder / session)
        kept = self._checkpoints.get(session)
        if kept is None:
            return False
        kept.parts.update(changed)
        for name in gone:
            kept.parts.pop(name, None)
        kept.changed = now
        return True

    def mirror(self, session: str, pieces: Iterable[FilePiece]) -> bool:
        """Change the memory of a checkpoint; return False if it is unknown.

        Raises:
            OSError: it cannot be written.
        """
        kept = self._checkpoints.get(session)
        if kept is None:
            return False
        for piece in pieces:
            apply(kept.folder, piece)
        return True

    def parts(self, session: str) -> tuple[dict[str, bytes], float] | None:
        """Return the parts of a session, and their age in seconds."""
        kept = self._checkpoints.get(session)
        return None if kept is None else (kept.parts, monotonic() - kept.changed)

    def files(self, session: str) -> dict[str, FileMark]:
        """Return the files of a session's memory."""
        kept = self._checkpoints.get(session)
        return {} if kept is None else file_marks(kept.folder)

    def read(self, session: str, name: str, offset: int) -> FilePiece:
        """Return a piece of a file; large ones go through Ray's object store."""
        with (self._checkpoints[session].folder / name).open("rb") as file:
            file.seek(offset)
            return FilePiece(name, offset, file.read(CHUNK), fresh=offset == 0)

    def drop(self, session: str) -> None:
        """Drop a checkpoint, if there is one."""
        kept = self._checkpoints.pop(session, None)
        if kept is not None:
            shutil.rmtree(kept.folder, ignore_errors=True)

    def _drop_old(self, now: float) -> None:
        for session, kept in list(self._checkpoints.items()):
            if now - kept.changed > self._patience:
                self.drop(session)
