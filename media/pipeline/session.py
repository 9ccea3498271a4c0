"""One session: its stages, the channels between them, and how it ends.

source -> route -> audio -> TurnStage -> turns -> CaptionStage
                -> vision (frames, questions) -> VisionStage -> answers -> SpeechStage
                -> generation (frames, controls) -> GenerationStage -> overlay
                                           captions -> overlay -> CaptionOverlay
                   captions in other languages -> translations -> TranslationStage
every stage -> send
"""

import asyncio
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import assert_never

from media.channel import Channel
from media.clock import Clock
from media.counters import Counters
from media.events.answers import Announce, Answer, Cancel, Question
from media.events.generation import (
    ClearTrack,
    GenerationConfig,
    LooksChange,
    PromptChange,
    TrackPoints,
)
from media.events.hearing import AudioPaused, Caption, Clear, Commit, ListeningConfig
from media.events.session import Input, Output
from media.events.speakers import NameSpeaker
from media.frames import AudioChunk, Gap, VideoFrame
from media.pipeline.carried import CarriedState
from media.pipeline.context import Send, SessionContext
from media.pipeline.generation.passthrough import GenerationItem, Passthrough, StreamTime
from media.pipeline.generation.stage import GenerationStage
from media.pipeline.hearing.caption_stage import CaptionStage
from media.pipeline.hearing.speakers import SpeakerLabels
from media.pipeline.hearing.translation_stage import (
    TranslationItem,
    TranslationStage,
    TurnSound,
)
from media.pipeline.hearing.turn_items import TurnItem
from media.pipeline.hearing.turn_stage import AudioItem, TurnStage
from media.pipeline.limits import Limits
from media.pipeline.models.languages import ENGLISH
from media.pipeline.models.services import Services
from media.pipeline.overlay import CaptionOverlay
from media.pipeline.questions import OpenQuestions
from media.pipeline.speech.stage import SpeechStage
from media.pipeline.tasks import start_task
from media.pipeline.vision.stage import VisionItem, VisionStage

OVERLAY_FRAMES = 2  # frames that wait for their caption


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of one session; `overlay` is None if it returns no video."""

    audio: Channel[AudioItem]
    turns: Channel[TurnItem]
    translations: Channel[TranslationItem]
    vision: Channel[VisionItem]
    answers: Channel[Answer]
    generation: Channel[GenerationItem]
    overlay: Channel[VideoFrame | Caption] | None

    @classmethod
    def make(cls, context: SessionContext, *, return_video: bool) -> "Channels":
        """Media that wait for a model may be dropped; text and the sound of turns may not."""
        limits, clock = context.limits, context.clock
        media: tuple[type, ...] = () if limits.lossless else (VideoFrame, AudioChunk)
        newest: dict[type, int] | None = None if limits.lossless else {VideoFrame: OVERLAY_FRAMES}
        return cls(
            audio=Channel(
                limits.audio,
                droppable=media,
                clock=clock,
                on_drop=context.counters.audio_dropped,
            ),
            turns=Channel(limits.turns, clock=clock),
            translations=Channel(
                limits.turns, droppable=() if limits.lossless else TurnSound, clock=clock
            ),
            vision=Channel(limits.vision, droppable=media, clock=clock),
            answers=Channel(limits.answers),
            generation=Channel(limits.vision, droppable=media),
            overlay=Channel(limits.vision, droppable=media, max_waiting=newest)
            if return_video
            else None,
        )

    def caption_delay(self) -> float:
        """Return how long audio waits to be transcribed: first for its turn, then as part of it."""
        return self.audio.delay + self.turns.delay

    async def show(self, item: VideoFrame | Caption) -> None:
        """Send `item` to the overlay, if there is one."""
        if self.overlay is not None:
            await self.overlay.send(item)


async def run_session(
    source: AsyncIterable[Input],
    send: Send,
    *,
    services: Services,
    clock: Clock,
    limits: Limits | None = None,
    counters: Counters | None = None,
    return_video: bool = False,
    watched: Callable[[], bool] = lambda: True,
    memory: Path | None = None,
    durable_memory: bool = False,
    carried: CarriedState | None = None,
) -> None:
    """Run `source` through the models and `send` the outputs, until the source ends.

    Several stages call `send` at the same time. With `return_video` each frame comes back with
    its caption while `watched`. The assistant's memory is kept in the folder `memory`, and resumed
    from it; with `durable_memory` it is written as it grows, so that it survives the process. What
    else the session remembers is read from `carried`, and kept there. All input is processed before
    this returns.

    Raises:
        ExceptionGroup: a stage failed; the others were cancelled and have ended.
    """
    context = SessionContext(
        send=send,
        services=services,
        clock=clock,
        limits=limits or Limits(),
        questions=OpenQuestions(cancellable=limits is None or not limits.repeatable),
        counters=counters or Counters(),
        memory=memory,
        durable_memory=durable_memory,
        carried=carried or CarriedState(),
    )
    channels = Channels.make(context, return_video=return_video)

    async def send_caption(output: Output) -> None:
        if isinstance(output, Caption):
            await channels.show(output)
        await send(output)

    vision = VisionStage(context, channels.answers)

    async def send_turn(output: Output) -> None:
        vision.note_speech(output)
        await send(output)

    turns = TurnStage(replace(context, send=send_turn), channels.turns)
    speakers = SpeakerLabels(context)
    asking = partial(ask, context=context, channels=channels, speakers=speakers)
    captions = CaptionStage(
        replace(context, send=send_caption), asking, speakers, channels.translations
    )
    context.counters.measure_delays(
        lambda: max(channels.caption_delay(), captions.delay()),
        lambda: max(channels.vision.delay, vision.delay()),
    )
    async with asyncio.TaskGroup() as stages:
        start = partial(start_task, stages)
        start(route(source, channels, context, speakers), name="route")
        start(turns.run(channels.audio), name="turns")
        generation = start(run_generation(context, channels), name="generation")
        start(run_captions(captions, channels, generation), name="captions")
        start(TranslationStage(context).run(channels.translations), name="translation")
        start(vision.run(channels.vision), name="vision")
        start(SpeechStage(context).run(channels.answers), name="speech")
        if channels.overlay is not None:
            start(CaptionOverlay(context, watched).run(channels.overlay), name="overlay")


async def route(
    source: AsyncIterable[Input],
    channels: Channels,
    context: SessionContext,
    speakers: SpeakerLabels,
) -> None:
    """Send each input to its stages; at the end, close the first channels."""
    counters = context.counters
    async for item in source:
        match item:
            case VideoFrame():
                if item.stands_at is None:
                    counters.frames_in += 1
                else:
                    counters.substitutes += 1
                await channels.vision.send(item)
                await channels.generation.send(item)
            case AudioChunk() | Gap() | Commit() | Clear() | AudioPaused() | ListeningConfig():
                await route_audio(item, channels, context)
            case Question() | Announce():
                await ask(item, context, channels, speakers)
            case Cancel() | NameSpeaker():
                await control(item, context, speakers)
            case PromptChange() | LooksChange() | TrackPoints() | ClearTrack() | GenerationConfig():
                await channels.generation.send(item)
            case _:
                assert_never(item)
        not_shown = 0 if channels.overlay is None else channels.overlay.dropped
        counters.dropped_frames = not_shown + channels.generation.dropped
    await channels.generation.close()
    await channels.audio.close()


async def control(
    item: Cancel | NameSpeaker, context: SessionContext, speakers: SpeakerLabels
) -> None:
    """Do at once what waits for no media."""
    if isinstance(item, NameSpeaker):
        await speakers.name(item)
    else:
        context.questions.cancel(item.id)


async def route_audio(item: AudioItem, channels: Channels, context: SessionContext) -> None:
    """Send audio, and what belongs to its places, to the turn stage; report a gap in any media."""
    if isinstance(item, Gap):
        await report_gap(item, context)
    if isinstance(item, ListeningConfig) and item.language != ENGLISH:
        context.services.languages.prepare()
    if not isinstance(item, Gap) or item.media == "audio":
        await channels.audio.send(item)
    if isinstance(item, AudioChunk) and context.limits.repeatable:
        await channels.generation.send(StreamTime(item.end / item.rate))


async def report_gap(gap: Gap, context: SessionContext) -> None:
    """Count a gap, and send it to the client unless it is short."""
    if gap.media == "audio":
        context.counters.audio_lost(gap.end - gap.start, concealed=gap.concealed)
    if round(gap.end - gap.start, 6) >= context.limits.reported_gap:
        await context.send(gap)


async def ask(
    question: Question | Announce,
    context: SessionContext,
    channels: Channels,
    speakers: SpeakerLabels,
) -> None:
    """Open `question` and send it to the vision stage: the only way in for a question.

    What is asked about speech is answered by `speakers`.
    """
    announced = isinstance(question, Announce)
    arrival = None if announced else context.clock.now()
    outside = isinstance(question, Question) and question.outside
    context.questions.open(question.id, arrival, outside=outside)
    if isinstance(question, Question):
        question = await speakers.answered(question)
    await channels.vision.send(question)


async def run_generation(context: SessionContext, channels: Channels) -> None:
    """Run the generation stage, or pass frames on if no generator is loaded."""
    show = None if channels.overlay is None else channels.show
    server = context.services.generation
    stage = Passthrough(context, show) if server is None else GenerationStage(context, server, show)
    await stage.run(channels.generation)


async def run_captions(
    captions: CaptionStage, channels: Channels, generation: asyncio.Task[None]
) -> None:
    """Run the caption stage, then close the channels that it sends to.

    The overlay ends when `generation` is over, too.
    """
    await captions.run(channels.turns)
    await channels.translations.close()
    await channels.vision.close()
    await asyncio.wait([generation])
    if channels.overlay is not None:
        await channels.overlay.close()
