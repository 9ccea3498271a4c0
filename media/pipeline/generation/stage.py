"""Controls and camera to pictures, paced: the stage that shows what a model draws.

Live, one task draws chunks on the brush, one shows their pictures at their times, one says how it
goes. A chunk is begun as late as it can be and still be in time, so that it follows the
newest controls; what waits is never more than one chunk, and a change of what is drawn replaces it.
In a repeatable session there is one task, and the times of what comes in are the clock: the same
events give the same pictures.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from media.channel import Channel
from media.events import Degraded
from media.frames import VideoFrame
from media.generation_events import GenerationConfig, GenerationState, GenerationStatus, Sampler
from media.pipeline.context import SessionContext
from media.pipeline.generation.chunk_producer import ChunkProducer, GeneratedFrame
from media.pipeline.generation.controls import Controls
from media.pipeline.generation.motion import MotionTracks
from media.pipeline.generation.pacing import Goal, begin, measured, spare
from media.pipeline.generation.passthrough import GenerationItem, StreamTime
from media.pipeline.generation.playout import PlayoutBuffer, Show
from media.pipeline.models import GenerationService

TELL_EVERY = 1.0  # seconds between two reports while it draws
HOLD = 0.5  # seconds after which a paused picture is shown again
TELL_DELAY = 0.25  # the same where a control's delay is new


class GenerationStage:
    """The stage: one video, drawn while it is asked for and somebody sees it.

    `show` puts a picture on the session's screen; None where it has none.
    """

    def __init__(
        self, shared: SessionContext, studio: GenerationService, show: Show | None
    ) -> None:
        canvas, painter = shared.limits.frame_output, studio.generator
        self._shared = shared
        self._studio = studio
        self._asked = Controls(MotionTracks(canvas.rate, canvas.max_points))
        first = cast("Sampler", next(iter(painter.samplers)))
        self._asked.generation = GenerationConfig(time=0.0, sampler=first)
        self._easel = ChunkProducer(studio, canvas, self._asked)
        self._gallery = PlayoutBuffer(shared, show)
        self._goal = self._aim()
        self._pace = begin(self._goal)
        self._seated = False
        self._video = 0  # counts videos: what was begun for an earlier one is not shown
        self._replaced = float("-inf")  # when what waited was last replaced
        self._due = 0.0  # when the next picture is to be shown
        self._time = 0.0  # of the stream, in a repeatable session
        self._told = self._report()
        self._told_at = float("-inf")
        self._changed = asyncio.Condition()

    async def run(self, inbox: Channel[GenerationItem]) -> None:
        """Draw as `inbox` says until it ends."""
        try:
            if self._shared.limits.repeatable:
                await self._run_along(inbox)
            else:
                await self._run_live(inbox)
        finally:
            if self._seated:
                self._studio.slots.release()

    async def _run_live(self, inbox: Channel[GenerationItem]) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._paint(), name="paint"),
                tasks.create_task(self._hang(), name="hang"),
                tasks.create_task(self._hold(), name="hold"),
                tasks.create_task(self._tell(), name="tell"),
            ]
            async for item in inbox:
                await self._heed(item)
                await self._notify()
            for task in running:
                task.cancel()

    async def _run_along(self, inbox: Channel[GenerationItem]) -> None:
        async for item in inbox:
            await self._advance(item.time)
            await self._heed(item)
            if self._worth_telling():
                await self._say()

    async def _heed(self, item: GenerationItem) -> None:
        """Take what came in; nothing here waits for a model."""
        if isinstance(item, VideoFrame):
            if self._asked.generation.enabled:
                self._easel.camera.keep(item)
            if not self._gallery.open:
                await self._gallery.pass_on(item)
        elif not isinstance(item, StreamTime):
            samplers = self._studio.generator.samplers
            if isinstance(item, GenerationConfig) and item.sampler not in samplers:
                known = ", ".join(samplers)
                told = f"there is no sampler {item.sampler!r} here: expected one of {known}"
                await self._shared.send(Degraded(told))
                return
            self._asked.apply(item, self._now())
        self._settle()

    def _settle(self) -> None:
        """Begin or end the video, as is wanted; aim at what is asked for."""
        if self._wanted() and not self._seated:
            self._seated = self._studio.slots.acquire()
            if self._seated:
                self._begin()
        elif self._seated and not self._wanted():
            self._studio.slots.release()
            self._seated = False
            self._begin()
            self._easel.forget()
        goal = self._aim()
        if goal != self._goal:
            self._goal, self._pace = goal, begin(goal)

    def _begin(self) -> None:
        self._video += 1
        self._gallery.clear()
        self._due = self._now()

    def _aim(self) -> Goal:
        steps, wished = self._easel.steps, self._asked.generation.steps
        count = steps.clamp(wished)
        return Goal(
            steps=count,
            fewest=steps.minimum if steps.adjustable else count,
            rate=self._shared.limits.frame_output.rate,
            chunk=self._studio.generator.chunk,
        )

    # What is so now.

    def _now(self) -> float:
        return self._time if self._shared.limits.repeatable else self._shared.clock.now()

    def _wanted(self) -> bool:
        generation = self._asked.generation
        seen = self._gallery.on_screen or generation.pictures
        return generation.enabled and bool(self._asked.prompt) and seen

    def _may_paint(self) -> bool:
        return self._seated and (not self._asked.generation.paused or self._asked.once > 0)

    def _replaces(self) -> bool:
        """Tell whether what waits is to be replaced: at most once in the time of a chunk."""
        patience = self._goal.chunk / self._pace.rate
        return self._asked.outdated and self._now() - self._replaced >= patience

    def _state(self) -> GenerationState:
        if not self._asked.generation.enabled:
            return "off"
        if not self._wanted():
            return "waiting"
        if not self._seated:
            return "full"
        return "paused" if self._asked.generation.paused else "drawing"

    # Live.

    async def _paint(self) -> None:
        while True:
            await self._until(self._must_paint)
            await self._paint_chunk()

    def _must_paint(self) -> bool:
        few = len(self._gallery.waiting) <= spare(self._pace, self._goal.chunk)
        return self._may_paint() and (few or self._replaces())

    async def _paint_chunk(self) -> None:
        """Draw a chunk, and let it wait to be shown once nothing else does, or in its place."""
        video, begun, replacing = self._video, self._now(), self._replaces()
        if replacing:
            self._replaced = begun
        sheets = await self._easel.paint(self._pace.steps)
        self._pace = measured(self._pace, self._goal, self._now() - begun)
        if sheets and not replacing:
            await self._until(
                lambda: not self._gallery.waiting or self._replaces() or video != self._video
            )
        if sheets and video == self._video:
            await self._put(sheets, replacing=replacing)

    async def _put(self, sheets: list[GeneratedFrame], *, replacing: bool) -> None:
        if self._replaces() and not replacing:
            self._asked.give_back(sheets[0].since)  # the next chunk is newer, and due at once
            return
        self._gallery.put(sheets)
        await self._notify()

    async def _hang(self) -> None:
        """Show each picture at its time; where that is past, time is given up, not made up."""
        while True:
            if not self._gallery.waiting:
                await self._until(lambda: bool(self._gallery.waiting))
                self._due = max(self._due, self._now())
            await self._shared.clock.sleep_until(self._due)
            if not self._gallery.waiting:
                continue
            now = self._now()
            self._due = max(self._due + 1 / self._pace.rate, now)
            await self._gallery.show_next(now)
            await self._notify()

    async def _hold(self) -> None:
        """Show the last picture again and again while it is paused: captions go on over it."""
        while True:
            await self._until(self._holds)
            await self._shared.clock.sleep_until(self._now() + HOLD)
            if self._holds():
                await self._gallery.repeat(self._now())

    def _holds(self) -> bool:
        resting = self._gallery.open and not self._gallery.waiting
        return resting and self._gallery.on_screen and self._state() == "paused"

    async def _tell(self) -> None:
        while True:
            await self._until(self._worth_telling)
            await self._say()

    async def _until(self, met: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(met)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # In step with the stream.

    async def _advance(self, until: float) -> None:
        """Show the pictures that are due before `until`."""
        while self._due <= until and await self._filled():
            await self._gallery.show_next(self._due)
            self._due += 1 / self._goal.rate
            if self._worth_telling():
                await self._say()
        self._time = max(self._time, until)
        if not self._may_paint():
            self._due = max(self._due, self._time)

    async def _filled(self) -> bool:
        """Draw if nothing waits, or what waits is out of date; tell whether a picture waits."""
        self._time = max(self._time, self._due)
        replacing = self._replaces()
        if replacing:
            self._replaced = self._time
        while self._may_paint() and (replacing or not self._gallery.waiting):
            sheets = await self._easel.paint(self._goal.steps)
            if sheets:
                self._gallery.put(sheets)
                replacing = False
        return bool(self._gallery.waiting)

    # How it goes.

    def _report(self) -> GenerationStatus:
        pace, goal, gallery = self._pace, self._goal, self._gallery
        return GenerationStatus(
            state=self._state(),
            sampler=self._asked.generation.sampler,
            steps=pace.steps,
            rate=pace.rate,
            fps=gallery.rate(self._now()),
            queue=len(gallery.waiting),
            pictures=gallery.pictures,
            delay=gallery.delay,
            degraded=pace.steps < goal.steps or pace.rate < goal.rate,
            notices=self._easel.notices if self._seated else (),
        )

    def _worth_telling(self) -> bool:
        report, before = self._report(), self._told
        passed = self._now() - self._told_at
        return (
            _gist(report) != _gist(before)
            or (report.pictures != before.pictures and passed >= TELL_EVERY)
            or (report.delay != before.delay and passed >= TELL_DELAY)
        )

    async def _say(self) -> None:
        self._told, self._told_at = self._report(), self._now()
        await self._shared.send(self._told)


def _gist(report: GenerationStatus) -> GenerationStatus:
    """Return what of `report` is told as soon as it changes."""
    return replace(report, fps=0.0, queue=0, pictures=0, delay=None)
