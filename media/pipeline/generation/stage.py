"""Controls and camera frames to generated frames: the generation stage.

The scheduler decides when to generate and to show. Live, both go on side by side by the session's
clock. In a repeatable session generating takes no time, and the clock is the times of the input.
"""

import asyncio
from collections.abc import Callable
from math import inf
from typing import cast

from media.channel import Channel
from media.events.generation import GenerationConfig, GenerationState, GenerationStatus, Sampler
from media.events.vision import Degraded
from media.frames import VideoFrame
from media.pipeline.context import SessionContext
from media.pipeline.generation.chunk_producer import ChunkProducer, GeneratedFrame
from media.pipeline.generation.controls import Controls
from media.pipeline.generation.motion import MotionTracks
from media.pipeline.generation.pacing import PaceTarget, initial_pace, lead_time, update_pace
from media.pipeline.generation.passthrough import GenerationItem, StreamTime
from media.pipeline.generation.playout import PlayoutBuffer, ShowFrame
from media.pipeline.generation.scheduler import (
    Action,
    Generate,
    ScheduleState,
    ShowNext,
    Wait,
    replaces,
    schedule,
)
from media.pipeline.generation.status import worth_sending
from media.pipeline.models.generation import GenerationServer
from media.pipeline.tasks import start_task

REPEAT_INTERVAL = 0.5  # seconds after which a paused frame is shown again, for its captions


class GenerationStage:
    """The generation stage: one video, generated while it is enabled and somebody sees it.

    `show` shows a frame; None if the session returns no video.
    """

    def __init__(
        self, context: SessionContext, server: GenerationServer, show: ShowFrame | None
    ) -> None:
        output = context.limits.frame_output
        self._context = context
        self._server = server
        tracks = MotionTracks(output.rate, output.max_points)
        self._controls = Controls(tracks, server.generator.refusal)
        first = cast("Sampler", next(iter(server.generator.samplers)))
        self._controls.config = GenerationConfig(time=0.0, sampler=first)
        self._producer = ChunkProducer(server, output, self._controls)
        self._buffer = PlayoutBuffer(context, show)
        self._target = self._new_target()
        self._pace = initial_pace(self._target)
        self._has_slot = False
        self._video = 0  # counts videos: a chunk of an earlier one is not shown
        self._due = 0.0  # time of the next frame
        self._replaced = -inf  # time of the last replacement
        self._replacing = False  # no frame of it is complete
        self._time = 0.0  # of the stream, in a repeatable session
        self._status = self._new_status()
        self._status_time = -inf
        self._changed = asyncio.Condition()

    async def run(self, channel: Channel[GenerationItem]) -> None:
        """Follow the controls in `channel` until it ends."""
        try:
            if self._context.limits.repeatable:
                await self._run_replay(channel)
            else:
                await self._run_live(channel)
        finally:
            if self._has_slot:
                self._server.slots.release()

    async def _run_live(self, channel: Channel[GenerationItem]) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [
                start_task(tasks, self._generate_chunks(), name="generate"),
                start_task(tasks, self._show_frames(), name="show"),
                start_task(tasks, self._repeat_paused(), name="repeat"),
                start_task(tasks, self._send_statuses(), name="status"),
            ]
            async for item in channel:
                await self._receive(item)
                await self._notify()
            for task in running:
                task.cancel()

    async def _run_replay(self, channel: Channel[GenerationItem]) -> None:
        async for item in channel:
            await self._advance(item.time)
            await self._receive(item)
            await self._send_status()

    async def _advance(self, until: float) -> None:
        """Do what is due up to `until`."""
        while self._due <= until:
            self._time = max(self._time, self._due)
            match self._next(generating=False):
                case Generate(replacing):
                    await self._generate(replacing=replacing)
                case ShowNext():
                    await self._show_next()
                    await self._send_status()
                case Wait():
                    break
        self._time = max(self._time, until)
        if not self._allowed():
            self._due = max(self._due, self._time)

    async def _receive(self, item: GenerationItem) -> None:
        """Apply `item`; this never waits for the generator."""
        if isinstance(item, VideoFrame):
            if self._controls.config.enabled:
                self._producer.camera.add(item)
            if not self._buffer.started:
                await self._buffer.show(item)
        elif not isinstance(item, StreamTime):
            samplers = self._server.generator.samplers
            if isinstance(item, GenerationConfig) and item.sampler not in samplers:
                known = ", ".join(samplers)
                message = f"there is no sampler {item.sampler!r} here: expected one of {known}"
                await self._context.send(Degraded(message))
                return
            self._controls.apply(item, self._now())
        self._apply_controls()

    def _apply_controls(self) -> None:
        """Start or end the video, and set the target of its pace."""
        if self._wanted() and not self._has_slot:
            self._has_slot = self._server.slots.acquire()
            if self._has_slot:
                self._start_video()
        elif self._has_slot and not self._wanted():
            self._server.slots.release()
            self._has_slot = False
            self._start_video()
            self._producer.clear()
        target = self._new_target()
        if target != self._target:
            self._target, self._pace = target, initial_pace(target)

    def _start_video(self) -> None:
        self._video += 1
        self._buffer.clear()
        self._replacing = False
        self._due = self._now()

    def _new_target(self) -> PaceTarget:
        steps = self._producer.steps
        count = steps.clamp(self._controls.config.steps)
        return PaceTarget(
            steps=count,
            min_steps=steps.minimum if steps.adjustable else count,
            rate=self._context.limits.frame_output.rate,
            chunk=self._server.generator.chunk,
        )

    def _wanted(self) -> bool:
        config = self._controls.config
        seen = self._buffer.on_screen or config.pictures
        return config.enabled and bool(self._controls.prompt) and seen

    def _allowed(self) -> bool:
        controls = self._controls
        return self._has_slot and (not controls.config.paused or controls.extra_chunks > 0)

    def _now(self) -> float:
        return self._time if self._context.limits.repeatable else self._context.clock.now()

    def _next(self, *, generating: bool) -> Action:
        return schedule(self._schedule_state(generating=generating), self._now())

    def _schedule_state(self, *, generating: bool) -> ScheduleState:
        chunk, repeatable = self._target.chunk, self._context.limits.repeatable
        return ScheduleState(
            allowed=self._allowed(),
            generating=generating,
            outdated=self._controls.outdated,
            replacing=self._replacing,
            waiting=self._buffer.waiting,
            next_ready=self._buffer.next_ready,
            lead=0.0 if repeatable else lead_time(self._pace, chunk),
            due=self._due,
            replaced=self._replaced,
            frame_seconds=1 / self._pace.rate,
            chunk_seconds=chunk / self._pace.rate,
        )

    async def _generate(self, *, replacing: bool) -> None:
        """Generate a chunk and put it into the buffer, unless it is outdated by then."""
        video, started = self._video, self._now()
        if replacing:
            self._replaced = started
            self._controls.give_back(self._buffer.discard_next())
        frames = await self._producer.generate(self._pace.steps)
        self._pace = update_pace(self._pace, self._target, self._now() - started)
        if video == self._video:
            self._replacing = replacing and not frames and self._allowed()
            if frames:
                self._put(frames, replacing=replacing)
        await self._notify()

    def _put(self, frames: list[GeneratedFrame], *, replacing: bool) -> None:
        if not self._buffer.waiting:
            self._due = max(self._due, self._now())
        if replacing:
            self._buffer.replace_all(frames)
        elif replaces(self._schedule_state(generating=False), self._now()):
            self._controls.give_back(frames[0].control_time)  # for the next chunk, which is due
        else:
            self._buffer.put(frames)

    async def _show_next(self) -> None:
        """Show the next frame; time that was missed is not made up."""
        now = self._now()
        self._due = max(self._due + 1 / self._pace.rate, now)
        await self._buffer.show_next(now)
        await self._notify()

    async def _generate_chunks(self) -> None:
        while True:
            await self._until(lambda: isinstance(self._next(generating=False), Generate))
            action = self._next(generating=False)
            if isinstance(action, Generate):
                await self._generate(replacing=action.replacing)

    async def _show_frames(self) -> None:
        while True:
            match self._next(generating=True):
                case ShowNext():
                    await self._show_next()
                case Wait(until) if until < inf:
                    await self._context.clock.sleep_until(until)
                    await self._notify()  # a chunk may be due to start
                case _:
                    await self._until(lambda: self._next(generating=True) != Wait(inf))

    async def _repeat_paused(self) -> None:
        while True:
            await self._until(self._resting)
            await self._context.clock.sleep_until(self._now() + REPEAT_INTERVAL)
            if self._resting():
                await self._buffer.repeat(self._now())

    def _resting(self) -> bool:
        resting = self._buffer.started and not self._buffer.waiting
        return resting and self._buffer.on_screen and self._state() == "paused"

    async def _send_statuses(self) -> None:
        while True:
            await self._until(self._status_due)
            await self._send_status()

    async def _until(self, met: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(met)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _state(self) -> GenerationState:
        if not self._controls.config.enabled:
            return "off"
        if self._controls.refusal:
            return "refused"
        if not self._wanted():
            return "waiting"
        if not self._has_slot:
            return "full"
        return "paused" if self._controls.config.paused else "drawing"

    def _new_status(self) -> GenerationStatus:
        pace, target, buffer = self._pace, self._target, self._buffer
        return GenerationStatus(
            state=self._state(),
            sampler=self._controls.config.sampler,
            steps=pace.steps,
            rate=pace.rate,
            fps=buffer.rate(self._now()),
            queue=buffer.waiting,
            pictures=buffer.frames,
            delay=buffer.delay,
            degraded=pace.steps < target.steps or pace.rate < target.rate,
            notices=self._producer.notices if self._has_slot or self._controls.refusal else (),
        )

    def _status_due(self) -> bool:
        return worth_sending(self._new_status(), self._status, self._now() - self._status_time)

    async def _send_status(self) -> None:
        if self._status_due():
            self._status, self._status_time = self._new_status(), self._now()
            await self._context.send(self._status)
