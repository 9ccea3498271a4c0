"""Records the input of a live session while it passes."""

from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

from media.errors import MediaError
from media.events import Input
from media.frames import AudioChunk, VideoFrame
from media.recording.event_lines import AudioGap, RecordedInput, format_line
from media.recording.layout import AUDIO_FILE, EVENTS_FILE, VIDEO_FILE
from media.recording.track_writers import FlacWriter, MatroskaWriter
from media.worker import Worker


async def record(
    source: AsyncIterable[Input], path: Path, worker: Worker
) -> AsyncGenerator[Input, None]:
    """Yield the items of `source`, and record them in the folder `path`, on `worker`.

    Raises:
        MediaError: the folder already has a recording, or cannot be written.
    """
    writer = await worker.run(RecordingWriter, path)
    try:
        async for item in source:
            await worker.run(writer.write, item)
            yield item
    finally:
        await worker.run(writer.close)


class RecordingWriter:
    """Writes one recording; not thread-safe."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)  # a session's memory may be in it already
            self._events = (path / EVENTS_FILE).open("x", encoding="utf-8")
        except OSError as error:
            raise MediaError(f"{path}: cannot make a new recording there: {error}") from error
        self._flac = FlacWriter(path / AUDIO_FILE)
        self._matroska = MatroskaWriter(path / VIDEO_FILE)
        self._audio = 0  # index after the last sample
        self._video = 0  # pts of the last frame

    def write(self, item: Input) -> None:
        """Append `item`. Audio that overlaps earlier audio is skipped, as in a session."""
        match item:
            case VideoFrame():
                self._matroska.write(item)
                self._video = max(self._video, item.pts)
            case AudioChunk():
                self._write_audio(item)
            case _:
                self._write_event(item)

    def _write_audio(self, chunk: AudioChunk) -> None:
        gap = chunk.start - self._audio
        if gap > 0:
            self._write_event(AudioGap(gap))
        new = chunk.samples[max(0, -gap) :]
        self._flac.write(new)
        self._audio += max(0, gap) + len(new)

    def _write_event(self, event: RecordedInput | AudioGap) -> None:
        self._events.write(format_line(event, audio=self._audio, video=self._video))
        self._events.flush()

    def close(self) -> None:
        """Finish the files."""
        self._events.close()
        self._flac.close()
        self._matroska.close()
