"""One conversation: the stages, the channels between them, and how it ends.

source -> route -> sound -> Listener -> speech -> Scribe --(questions)--> sight
                -> sight (frames, questions) -> Sight -> answers -> Mouth
                -> screen (frames, captions) -> Screen
every stage -> send
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from media.channel import Channel
from media.clock import Clock
from media.counters import Counters
from media.events import (
    Answer,
    Cancel,
    Caption,
    Clear,
    Commit,
    Input,
    Listening,
    Output,
    Question,
    Say,
)
from media.frames import AudioChunk, VideoFrame
from media.pipeline.captions import Scribe
from media.pipeline.limits import Limits
from media.pipeline.listening import Listener, Sound, TurnOver, TurnSound
from media.pipeline.questions import Questions
from media.pipeline.screen import Screen
from media.pipeline.services import Services
from media.pipeline.shared import Send, Shared
from media.pipeline.sight import Sight
from media.pipeline.voice import Mouth
from media.steering import Generation, Prompt, Track, Untrack


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of one session; `screen` is None where nothing is drawn."""

    sound: Channel[Sound]
    speech: Channel[TurnSound | TurnOver]
    sight: Channel[VideoFrame | Question | Say]
    answers: Channel[Answer]
    screen: Channel[VideoFrame | Caption] | None

    @classmethod
    def make(cls, limits: Limits, *, draw: bool) -> "Channels":
        """Media may be dropped where it waits for a model; text and turns' sound may not."""
        media: tuple[type, ...] = () if limits.lossless else (VideoFrame, AudioChunk)
        return cls(
            sound=Channel(limits.sound, droppable=media),
            speech=Channel(limits.speech),
            sight=Channel(limits.sight, droppable=media),
            answers=Channel(limits.answers),
            screen=Channel(limits.sight, droppable=media) if draw else None,
        )


async def run_session(
    source: AsyncIterable[Input],
    send: Send,
    *,
    services: Services,
    clock: Clock,
    limits: Limits | None = None,
    counters: Counters | None = None,
    draw: bool = False,
    memory: Path | None = None,
) -> None:
    """Feed `source` through the models and `send` what comes out, until the source ends.

    `send` is called from several stages at once. With `draw` each frame comes back with the
    caption drawn in. What was seen is kept in the folder `memory`, and is remembered again
    where that is there already. What the source said before it ended is answered before this
    returns.

    Raises:
        ExceptionGroup: a stage failed; the others were cancelled and have ended.
    """
    limits = limits or Limits()
    shared = Shared(
        send=send,
        services=services,
        clock=clock,
        limits=limits,
        questions=Questions(cancellable=not limits.repeatable),
        counters=counters or Counters(),
        memory=memory,
    )
    channels = Channels.make(limits, draw=draw)

    async def send_caption(output: Output) -> None:
        if channels.screen is not None and isinstance(output, Caption):
            await channels.screen.send(output)
        await send(output)

    sight = Sight(shared, channels.answers)

    async def send_turn(output: Output) -> None:
        sight.overhear(output)
        await send(output)

    listener = Listener(replace(shared, send=send_turn), channels.speech)
    scribe = Scribe(replace(shared, send=send_caption), channels.sight.send)
    async with asyncio.TaskGroup() as stages:
        stages.create_task(route(source, channels, shared), name="route")
        stages.create_task(listener.run(channels.sound), name="listen")
        stages.create_task(write(scribe, channels), name="write")
        stages.create_task(sight.run(channels.sight), name="see")
        stages.create_task(Mouth(shared).run(channels.answers), name="speak")
        if channels.screen is not None:
            stages.create_task(Screen(shared).run(channels.screen), name="draw")


async def route(source: AsyncIterable[Input], channels: Channels, shared: Shared) -> None:
    """Hand each input to the stages that want it; at the end, end hearing, the first of them."""
    questions, counters = shared.questions, shared.counters
    async for item in source:
        match item:
            case VideoFrame():
                counters.frames_in += 1
                await channels.sight.send(item)
                if channels.screen is not None:
                    await channels.screen.send(item)
            case AudioChunk() | Commit() | Clear() | Listening():
                await channels.sound.send(item)
            case Question() | Say():
                questions.open(item.id)
                await channels.sight.send(item)
            case Cancel():
                questions.cancel(item.id)
            case Prompt() | Track() | Untrack() | Generation():
                pass  # nothing draws yet
            case _:
                assert_never(item)
        counters.dropped_frames = channels.screen.dropped if channels.screen is not None else 0
        counters.dropped_audio = channels.sound.dropped
    await channels.sound.close()


async def write(scribe: Scribe, channels: Channels) -> None:
    """Run `scribe`; when no caption can come any more, end what captions and questions feed."""
    await scribe.run(channels.speech)
    await channels.sight.close()
    if channels.screen is not None:
        await channels.screen.close()
