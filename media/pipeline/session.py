"""One conversation: the stages, the channels between them, and how it ends.

source -> route -> sound -> Listener -> speech -> Scribe --(questions)--> sight
                -> sight (frames, questions) -> Sight -> answers -> Mouth
                -> drawing (frames, controls) -> Draftsman -> screen
                                           captions -> screen -> Screen
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
    Announce,
    Answer,
    Cancel,
    Caption,
    Clear,
    Commit,
    Input,
    ListeningConfig,
    Output,
    Question,
)
from media.frames import AudioChunk, VideoFrame
from media.generation_events import ClearTrack, GenerationConfig, PromptChange, TrackPoints
from media.pipeline.context import Send, SessionContext
from media.pipeline.generation.passthrough import Item, Passthrough, StreamTime
from media.pipeline.generation.stage import GenerationStage
from media.pipeline.hearing.caption_stage import CaptionStage
from media.pipeline.hearing.turn_stage import Sound, TurnEnd, TurnSound, TurnStage
from media.pipeline.limits import Limits
from media.pipeline.models import Services
from media.pipeline.overlay import CaptionOverlay
from media.pipeline.questions import OpenQuestions
from media.pipeline.speech.stage import SpeechStage
from media.pipeline.vision.stage import VisionStage

SHOWN = 2  # pictures that wait for a caption to be drawn in


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of one session; `screen` is None where nothing is drawn."""

    sound: Channel[Sound]
    speech: Channel[TurnSound | TurnEnd]
    sight: Channel[VideoFrame | Question | Announce]
    answers: Channel[Answer]
    drawing: Channel[Item]
    screen: Channel[VideoFrame | Caption] | None

    @classmethod
    def make(cls, limits: Limits, *, return_video: bool) -> "Channels":
        """Media may be dropped where it waits for a model; text and turns' sound may not."""
        media: tuple[type, ...] = () if limits.lossless else (VideoFrame, AudioChunk)
        newest: dict[type, int] | None = None if limits.lossless else {VideoFrame: SHOWN}
        return cls(
            sound=Channel(limits.audio, droppable=media),
            speech=Channel(limits.turns),
            sight=Channel(limits.vision, droppable=media),
            answers=Channel(limits.answers),
            drawing=Channel(limits.vision, droppable=media),
            screen=Channel(limits.vision, droppable=media, max_waiting=newest)
            if return_video
            else None,
        )

    async def show(self, item: VideoFrame | Caption) -> None:
        """Put `item` on the screen, where there is one."""
        if self.screen is not None:
            await self.screen.send(item)


async def run_session(
    source: AsyncIterable[Input],
    send: Send,
    *,
    services: Services,
    clock: Clock,
    limits: Limits | None = None,
    counters: Counters | None = None,
    return_video: bool = False,
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
    shared = SessionContext(
        send=send,
        services=services,
        clock=clock,
        limits=limits,
        questions=OpenQuestions(cancellable=not limits.repeatable),
        counters=counters or Counters(),
        memory=memory,
    )
    channels = Channels.make(limits, return_video=return_video)

    async def send_caption(output: Output) -> None:
        if isinstance(output, Caption):
            await channels.show(output)
        await send(output)

    sight = VisionStage(shared, channels.answers)

    async def send_turn(output: Output) -> None:
        sight.note_speech(output)
        await send(output)

    listener = TurnStage(replace(shared, send=send_turn), channels.speech)
    scribe = CaptionStage(replace(shared, send=send_caption), channels.sight.send)
    async with asyncio.TaskGroup() as stages:
        stages.create_task(route(source, channels, shared), name="route")
        stages.create_task(listener.run(channels.sound), name="listen")
        drawing = stages.create_task(paint(shared, channels), name="paint")
        stages.create_task(write(scribe, channels, drawing), name="write")
        stages.create_task(sight.run(channels.sight), name="see")
        stages.create_task(SpeechStage(shared).run(channels.answers), name="speak")
        if channels.screen is not None:
            stages.create_task(CaptionOverlay(shared).run(channels.screen), name="draw")


async def route(source: AsyncIterable[Input], channels: Channels, shared: SessionContext) -> None:
    """Hand each input to the stages that want it; at the end, end hearing, the first of them."""
    questions, counters = shared.questions, shared.counters
    async for item in source:
        match item:
            case VideoFrame():
                counters.frames_in += 1
                await channels.sight.send(item)
                await channels.drawing.send(item)
            case AudioChunk() | Commit() | Clear() | ListeningConfig():
                await channels.sound.send(item)
                if isinstance(item, AudioChunk) and shared.limits.repeatable:
                    await channels.drawing.send(StreamTime(item.end / item.rate))
            case Question() | Announce():
                questions.open(item.id)
                await channels.sight.send(item)
            case Cancel():
                questions.cancel(item.id)
            case PromptChange() | TrackPoints() | ClearTrack() | GenerationConfig():
                await channels.drawing.send(item)
            case _:
                assert_never(item)
        unseen = 0 if channels.screen is None else channels.screen.dropped
        counters.dropped_frames = unseen + channels.drawing.dropped
        counters.dropped_audio = channels.sound.dropped
    await channels.drawing.close()
    await channels.sound.close()


async def paint(shared: SessionContext, channels: Channels) -> None:
    """Draw what is asked for, where something can."""
    show = None if channels.screen is None else channels.show
    studio = shared.services.generation
    stage = Passthrough(shared, show) if studio is None else GenerationStage(shared, studio, show)
    await stage.run(channels.drawing)


async def write(scribe: CaptionStage, channels: Channels, drawing: asyncio.Task[None]) -> None:
    """Run `scribe`; when no caption can come any more, end what captions and questions feed.

    The screen ends once `drawing` is over, too.
    """
    await scribe.run(channels.speech)
    await channels.sight.close()
    await asyncio.wait([drawing])
    if channels.screen is not None:
        await channels.screen.close()
