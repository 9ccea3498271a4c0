"""The recordings of the service: who may reach them, and who uses which."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from media.recording.playback import write_playback
from media.worker import Worker
from web.history.recordings import (
    Reaches,
    Recording,
    delete_recording,
    find_recording,
    recordings_page,
    sweep,
)
from web.problems import ProblemError

P = ParamSpec("P")
T = TypeVar("T")


class RecordingStore:
    """The recordings in `folder`, None if sessions are not recorded; files are read on a worker.

    Videos, which take minutes for a recording of hours, are written on another.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._worker = Worker("recordings")
        self._writer = Worker("playback")
        self._ending = threading.Event()
        self._uses: dict[str, str] = {}

    @property
    def kept(self) -> bool:
        """Whether sessions are recorded."""
        return self._folder is not None

    async def sweep(self) -> None:
        """Delete what a killed process has left."""
        if self._folder is not None:
            await self.run(sweep, self._folder)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call`, which reads or writes files of recordings, on the worker."""
        return await self._worker.run(call, *args, **kwargs)

    async def write_video(self, home: Path, file: Path, *, max_duration: float) -> None:
        """Write the video of the recording in `home`, see `write_playback`.

        Raises:
            MediaError: it cannot be written, or the service ends.
        """
        stop = self._ending.is_set
        await self._writer.run(write_playback, home, file, max_duration=max_duration, stop=stop)

    async def page(
        self, reaches: Reaches, *, before: str | None, limit: int
    ) -> tuple[list[Recording], str | None]:
        """Return the newest recordings before the place `before`, and the place of the next page.

        Raises:
            ProblemError: `before` is no place.
        """
        start = _place(before)
        if self._folder is None:
            return [], None
        found, place = await self.run(
            recordings_page, self._folder, reaches, before=start, limit=limit
        )
        return found, None if place is None else f"{place[0]}-{place[1]}"

    async def get(self, id: str, reaches: Reaches) -> Recording:
        """Return the recording `id`.

        Raises:
            ProblemError: there is none that the caller may reach, or sessions are not recorded.
        """
        self._home()
        found = await self.find(id, reaches)
        if found is None:
            raise _missing(id)
        return found

    async def find(self, id: str, reaches: Reaches) -> Recording | None:
        """Return the recording `id`, None where `get` raises 404."""
        if self._folder is None:
            return None
        found = await self.run(find_recording, self._folder, id)
        return found if found is not None and reaches(found.owner) else None

    async def delete(self, id: str, reaches: Reaches) -> None:
        """Delete the recording `id`.

        Raises:
            ProblemError: there is none that the caller may reach, or it is in use.
        """
        recording = await self.get(id, reaches)
        if recording.state == "live":
            raise ProblemError(
                409, f"session {id} is still recorded: end it first", code="recording_in_use"
            )
        with self.using(id, "is being deleted"):
            if not await self.run(delete_recording, recording):
                raise _missing(id)

    @contextmanager
    def using(self, id: str, use: str) -> Iterator[None]:
        """Use the recording `id` alone; `use` tells others what for.

        Raises:
            ProblemError: it is in use.
        """
        if id in self._uses:
            raise ProblemError(
                409,
                f"recording {id} {self._uses[id]}: try again later",
                code="recording_in_use",
                headers={"Retry-After": "2"},
            )
        self._uses[id] = use
        try:
            yield
        finally:
            del self._uses[id]

    def close(self) -> None:
        """Wait for what is read or deleted; give up what is written."""
        self._ending.set()
        self._writer.close()
        self._worker.close()

    def _home(self) -> Path:
        if self._folder is None:
            raise ProblemError(
                404,
                "sessions are not recorded here: set EYELINE_RECORDINGS to a folder",
                code="not_recorded",
            )
        return self._folder


def _place(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    started, _, id = text.partition("-")
    if not (started.isdecimal() and len(started) < 25 and id):
        raise ProblemError(400, "before: expected `next` of the page before", param="before")
    return int(started), id


def _missing(id: str) -> ProblemError:
    detail = f"no recording {id[:80]!r}: it never existed, was deleted, or is another client's"
    return ProblemError(404, detail, code="recording_not_found")
