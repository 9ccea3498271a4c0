"""What a recorded session leaves when it runs again: its history, and the video that it drew."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from media.events.generation import GenerationStatus
from media.events.session import Input, Output
from media.events.speakers import Speakers
from media.files.mp4_writer import Mp4Writer
from media.frames import AudioChunk, VideoFrame
from media.recording.layout import GENERATED_FILE
from media.worker import Worker
from web.history.entries import Entry, EntryMaker, entry_fields
from web.history.recording_files import HistoryWriter, Summary


class Remake:
    """Takes the inputs and outputs of a session, and writes to `folder` what is kept of them.

    `rate` is that of the drawn frames a second. `seconds` are how far the session has come.
    """

    def __init__(self, folder: Path, rate: int) -> None:
        self.seconds = 0.0
        self._writer = HistoryWriter(folder)
        self._film = Film(folder / GENERATED_FILE, rate)
        self._maker = EntryMaker()
        self._names: dict[int, str] = {}
        self._worker = Worker("remake")

    async def __aenter__(self) -> Self:
        await self._worker.run(self._writer.open, None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._worker.run(self._film.close)
            await self._worker.run(self._writer.close)
        finally:
            self._worker.end()

    async def take(self, item: Input) -> None:
        """Take an input."""
        match item:
            case VideoFrame():
                self.seconds = max(self.seconds, item.time)
            case AudioChunk():
                self.seconds = max(self.seconds, item.end / item.rate)
            case _:
                await self._write(self._maker.of_input(item))

    async def send(self, output: Output) -> None:
        """Take an output.

        Raises:
            MediaError: the video cannot be written.
            OSError: the history cannot be written.
        """
        match output:
            case GenerationStatus():
                self._film.drawing = output.state == "drawing"
            case VideoFrame():
                await self._worker.run(self._film.show, output)
            case _:
                await self._write(self._maker.of_output(output))

    def summary(self) -> Summary:
        """Return what was written."""
        return self._writer.summary(self.seconds, "rebuilt")

    async def _write(self, entry: Entry | None) -> None:
        if isinstance(entry, Speakers):
            self._names = dict(entry.names)
        if entry is not None:
            await self._worker.run(self._writer.write, entry_fields(entry, self._names))


class Film:
    """Writes the frames that a session returns while it draws; `drawing` says when."""

    def __init__(self, path: Path, rate: int) -> None:
        self.drawing = False
        self._path, self._rate = path, rate
        self._stack = ExitStack()
        self._writer: Mp4Writer | None = None

    def show(self, frame: VideoFrame) -> None:
        """Append a frame, if it was drawn.

        Raises:
            MediaError: the file cannot be written.
        """
        if not self.drawing:
            return
        if self._writer is None:
            self._writer = self._stack.enter_context(Mp4Writer(self._path, self._rate))
        self._writer.write(frame.pixels)

    def close(self) -> None:
        """Finish the file, if there is one."""
        self._stack.close()
