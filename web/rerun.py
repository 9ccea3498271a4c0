"""A recording or media file through the pipeline: the session runs as fast as its models do."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from media.clock import Clock, LiveClock, ReplayClock
from media.events.hearing import ListeningConfig
from media.events.session import Input
from media.files.report import DecodingReport
from media.pipeline.context import Send
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.reader import read_paced
from media.worker import Worker
from web.config import Settings
from web.loading.models import LoadedModels, turn_detection

Take = Callable[[Input], Awaitable[None]]


async def run_recording(
    models: LoadedModels,
    settings: Settings,
    path: Path,
    send: Send,
    *,
    realtime: bool = False,
    video: bool = True,
    return_video: bool = False,
    memory: Path | None = None,
    durable_memory: bool = False,
    each: Take | None = None,
    track: int | None = None,
    report: DecodingReport | None = None,
) -> None:
    """Feed the recording or media file at `path` to one session; `each` takes what is fed.

    With `realtime`, time passes as in the recording, and late media are dropped as in a live
    session. Without the folder `memory`, the session remembers only what fits in RAM: some minutes.

    Raises:
        MediaError: the file cannot be read, or is too long.
    """
    clock: Clock = LiveClock() if realtime else ReplayClock()
    reader = Worker("reader")
    longest = settings.max_media_hours * 3600
    source = read_paced(
        path, clock, reader, max_duration=longest, video=video, track=track, report=report
    )
    listening = ListeningConfig(detection=turn_detection(settings), language=settings.language)
    try:
        await run_session(
            prepend(listening, source if each is None else _taken(source, each)),
            send,
            services=models.services,
            clock=clock,
            limits=models.limits if realtime else _replay_limits(models),
            return_video=return_video,
            memory=memory,
            durable_memory=durable_memory,
        )
    finally:
        reader.end()


def _replay_limits(models: LoadedModels) -> Limits:
    """Return the limits of a replay, whose generated frames are as those of a live session."""
    return replace(Limits.replay(), frame_output=models.limits.frame_output)


async def prepend(first: Input, source: AsyncIterable[Input]) -> AsyncIterator[Input]:
    """Yield `first`, then `source`. A recording replaces a `first` configuration with its own."""
    yield first
    async for item in source:
        yield item


async def _taken(source: AsyncIterable[Input], each: Take) -> AsyncIterator[Input]:
    async for item in source:
        await each(item)
        yield item
