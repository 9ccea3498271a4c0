"""`eyeline publish CLIP|DEVICE --to URL`: sends a clip or a camera to a service, over WHIP.

The service's steering is followed: bitrate, frame rate, size, and where in the picture the bits
are spent, which x264 does by regions of interest.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from media.clock import LiveClock
from media.errors import UnreadableMediaError
from media.files.decoding import probe
from media.sizes import SizeLimits
from media.worker import Worker
from rtc.errors import RtcError
from rtc.publishing.publisher import Progress, Publisher, PublishLimits
from rtc.publishing.sources import Media, is_camera, play, read_camera, read_clip
from web.cli.whip import Endpoint, WhipClient, endpoint_url
from web.config import Settings
from web.errors import UsageError

CONNECTING = 20.0  # seconds
DRAINING = 1.0  # seconds for the last frames to be sent
INTERVAL = 1.0  # seconds between two lines of progress
QUIET_INTERVAL = 10  # lines of which one is shown if standard error is no terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What is published and for how long; None is to the end of the clip, or until Ctrl-C."""

    path: Path
    endpoint: Endpoint
    limits: PublishLimits
    audio: bool = True
    loop: bool = False
    seconds: float | None = None
    max_duration: float = float("inf")


def publish_request(settings: Settings, arguments: argparse.Namespace) -> PublishRequest:
    """Return what the command's arguments ask for.

    Raises:
        UsageError: the URL cannot be used.
    """
    own, size = settings.api_key, arguments.size
    return PublishRequest(
        path=arguments.path,
        endpoint=Endpoint(
            url=endpoint_url(arguments.to),
            key=arguments.key or (own.get_secret_value() if own is not None else None),
            authority=arguments.ca,
            insecure=arguments.insecure,
        ),
        limits=PublishLimits(
            bitrate=1000 * arguments.bitrate,
            frame_rate=arguments.frame_rate,
            size=SizeLimits(longer=size, shorter=max(16, size * 9 // 16)),
        ),
        audio=not arguments.no_audio,
        loop=arguments.loop,
        seconds=arguments.seconds,
        max_duration=3600 * settings.max_media_hours,
    )


def publish(request: PublishRequest) -> int:
    """Publish until the clip ends, or the time is over; return 0.

    Raises:
        MediaError: the clip or the camera cannot be read.
        UsageError: the service cannot be reached, refuses, or ends the session.
    """
    return asyncio.run(_publish(request))


async def _publish(request: PublishRequest) -> int:
    worker = Worker("read media")
    media, sound = open_media(request)
    try:
        async with WhipClient(request.endpoint) as service:
            servers = await service.ice_servers()
            publisher = Publisher(request.limits, sound=sound, ice_servers=servers)
            try:
                await _send(request, service, publisher, media, worker)
            finally:
                await publisher.close()
    finally:
        worker.close()
    return 0


def open_media(request: PublishRequest) -> tuple[Media, bool]:
    """Return what the clip or the camera has, and whether that may have audio.

    Raises:
        MediaError: the file cannot be read, or has no video.
    """
    path = request.path
    if is_camera(path):
        return read_camera(path), False
    media = probe(path)
    if not media.has_video:
        raise UnreadableMediaError(f"{path}: there are no pictures in it")
    audio = request.audio and media.has_audio
    clip = read_clip(path, audio=audio, loop=request.loop, max_duration=request.max_duration)
    return clip, audio


async def _send(
    request: PublishRequest,
    service: WhipClient,
    publisher: Publisher,
    media: Media,
    worker: Worker,
) -> None:
    """Connect, and send until the media end, the time is over, or the service leaves."""
    session = await service.start(await publisher.offer())
    try:
        try:
            await publisher.accept(session.answer)
        except RtcError as error:
            raise UsageError(f"{request.endpoint.url}: {error}") from error
        await _connect(publisher)
        host = request.endpoint.url.host
        sys.stderr.write(f"publishing {request.path} to {host} (stop it with Ctrl-C)\n")
        async with asyncio.TaskGroup() as tasks:
            clock = LiveClock()
            reporting = tasks.create_task(report(publisher, clock), name="report")
            playing = play(media, clock, worker, publisher.pictures, publisher.sound)
            sending = tasks.create_task(_until(playing, request.seconds), name="play")
            leaving = tasks.create_task(publisher.ended.wait(), name="ended")
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            left = leaving.done()
            for task in (reporting, sending, leaving):
                task.cancel()
        if left:
            raise UsageError(f"{host}: the service ended the session")
        await asyncio.sleep(DRAINING)
    finally:
        await asyncio.shield(service.end(session))


async def _until(playing: Awaitable[object], seconds: float | None) -> None:
    """Wait for `playing`, for at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await playing
    except TimeoutError:
        return


async def _connect(publisher: Publisher) -> None:
    """Wait until media can flow.

    Raises:
        UsageError: there is no connection.
    """
    try:
        async with asyncio.timeout(CONNECTING):
            await publisher.settled.wait()
    except TimeoutError:
        raise UsageError(
            f"no connection within {CONNECTING:g} s: UDP between this machine and the service is "
            "blocked; a TURN server avoids that"
        ) from None
    if publisher.ended.is_set():
        raise UsageError("the service closed the connection before it was open")


async def report(publisher: Publisher, clock: LiveClock) -> None:
    """Write what is sent to standard error: one line that changes, or a line now and then."""
    terminal = sys.stderr.isatty()
    before, lines, longest = await publisher.progress(), 0, 0
    try:
        while True:
            await clock.sleep_until(clock.now() + INTERVAL)
            now = await publisher.progress()
            line = progress_line(before, now, clock.now())
            before, lines, longest = now, lines + 1, max(longest, len(line))
            if terminal:
                sys.stderr.write(f"\r{line:<{longest}}")
            elif lines % QUIET_INTERVAL == 1:
                sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
    finally:
        if terminal and lines:
            sys.stderr.write("\n")


def progress_line(before: Progress, now: Progress, seconds: float) -> str:
    """Return what was sent between two readings, one `INTERVAL` apart, in words."""
    orders = now.orders
    kbps = 8 * (now.bytes - before.bytes) / INTERVAL / 1000
    frames = (now.frames - before.frames) / INTERVAL
    parts = [
        f"{int(seconds) // 60}:{int(seconds) % 60:02}",
        f"{now.size[0]}x{now.size[1]}",
        f"{frames:.0f} of at most {orders.frame_rate:.0f} fps",
        f"{kbps:.0f} of at most {orders.bitrate / 1000:.0f} kbit/s",
    ]
    if now.round_trip is not None:
        parts.append(f"round trip {1000 * now.round_trip:.0f} ms")
    if now.loss:
        parts.append(f"loss {100 * now.loss:.0f} %")
    notes = [orders.message] * bool(orders.message) + ["sharp where it looks"] * now.focused
    return ", ".join(parts) + (f" ({'; '.join(notes)})" if notes else "")
