"""A generator whose frames show what they follow, and a stage that draws with it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from media.channel import Channel
from media.counters import Counters
from media.events.generation import GeneratedImage, GenerationConfig, GenerationStatus, PromptChange
from media.events.session import Output
from media.frames import VideoFrame
from media.pipeline.context import SessionContext
from media.pipeline.generation.passthrough import GenerationItem
from media.pipeline.generation.stage import GenerationStage
from media.pipeline.interfaces import Pixels
from media.pipeline.limits import FrameOutput, Limits
from media.pipeline.models.generation import GenerationServer, GenerationSlots
from media.pipeline.models.services import Services
from media.pipeline.questions import OpenQuestions
from media.servers.backlog import Batch
from media.servers.device import JobQueue
from models.generation.chunk_request import ChunkRequest, StepRange, WeightedPrompts
from models.generation.own_look import OwnLooks
from models.generation.small.prompts.vocabulary import Vocabulary
from tests.media.stepped import SteppedClock, SteppedDevice, settled

SIDE = 16
CHUNK = 4


@dataclass(frozen=True)
class ScriptedVideo:
    """A scripted video: its sampler and seed, the frames made, the requests in flight."""

    sampler: str
    seed: int
    frames: int = 0
    in_flight: tuple[ChunkRequest, ...] = ()


class ScriptedGenerator:
    """Generates plain frames: red counts them, green is the prompt's length, blue the position.

    With a start picture, blue is its brightness.

    `rolling-forcing` has its chunks in flight for `steps` steps.
    """

    stand_in = True
    about = "video is drawn by a stand-in"
    size = (SIDE, SIDE)
    chunk = CHUNK
    rate = 16.0
    tracks = True
    takes_looks = True
    vocabulary: Vocabulary | None = None
    samplers: Mapping[str, StepRange] = {
        "motion-stream": StepRange(default=2, minimum=1, maximum=8),
        "rolling-forcing": StepRange(default=3, minimum=1, maximum=3, adjustable=False),
    }

    def __init__(self) -> None:
        self.requests: list[ChunkRequest] = []

    def lag(self, name: str, steps: int) -> int:
        return steps - 1 if name == "rolling-forcing" else 0

    def refusal(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> str:
        if any(look.name == "cat" for look in looks):
            return ""
        return next((f"no {text} here" for text, _ in prompt if "cat" in text), "")

    def prompt_notices(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> tuple[str, ...]:
        return (*(f"read {text}" for text, _ in prompt), *(look.name for look in looks))

    def init_state(self, name: str, seed: int) -> ScriptedVideo:
        return ScriptedVideo(name, seed)

    def step(
        self, state: ScriptedVideo, request: ChunkRequest
    ) -> tuple[ScriptedVideo, Sequence[Pixels]]:
        self.requests.append(request)
        in_flight = (*state.in_flight, request)
        if len(in_flight) <= self.lag(state.sampler, request.steps):
            return replace(state, in_flight=in_flight), []
        first, *rest = in_flight
        pictures = [
            plain(state.frames + n, len(first.prompt[0][0]), blue_of(first, n))
            for n in range(CHUNK)
        ]
        return replace(state, frames=state.frames + CHUNK, in_flight=tuple(rest)), pictures


def blue_of(request: ChunkRequest, picture: int) -> int:
    if request.start is not None:
        return int(request.start[picture].mean())
    if request.track is None or not np.isfinite(request.track[0, picture, 0]):
        return 0
    return round(float(request.track[0, picture, 0]) * 200)


def plain(red: int, green: int, blue: int) -> Pixels:
    return np.full((SIDE, SIDE, 3), (red % 256, green % 256, blue), np.uint8)


class RunningStage:
    """A live stage that draws, under a stepped clock: what went in, what came out and when."""

    def __init__(
        self, cost: float | Callable[[int], float] = 0.05, *, slots: GenerationSlots | None = None
    ) -> None:
        self.clock = SteppedClock()
        self.generator = ScriptedGenerator()
        self.inbox: Channel[GenerationItem] = Channel(8, droppable=VideoFrame)
        self.shown: list[tuple[float, VideoFrame]] = []
        self.sent: list[Output] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.counters = Counters()
        self.cost: Callable[[int], float] = cost if callable(cost) else lambda _: cost
        device = SteppedDevice(self.clock, self._seconds, slots=2)
        self.server = GenerationServer(
            self.generator, JobQueue(device, "generation"), slots or GenerationSlots(2)
        )
        limits = Limits(frame_output=FrameOutput(min_side=SIDE))
        context = SessionContext(
            send=self._send,
            services=cast("Services", None),
            clock=self.clock,
            limits=limits,
            questions=OpenQuestions(),
            counters=self.counters,
        )
        self.stage = GenerationStage(context, self.server, self._show)
        self.task = asyncio.get_running_loop().create_task(self.stage.run(self.inbox))

    def _seconds(self, batch: Batch) -> float:
        _, order = batch.jobs[0].item
        return self.cost(order.request.steps)

    async def _show(self, frame: VideoFrame) -> None:
        await self.reading.wait()
        self.shown.append((self.clock.now(), frame))

    async def _send(self, output: Output) -> None:
        await self.reading.wait()
        self.sent.append(output)

    async def put(self, *items: GenerationItem) -> None:
        for item in items:
            await self.inbox.send(item)
        await settled()

    async def enable(self, text: str = "a duck", **how: Any) -> None:
        await self.put(PromptChange(((text, 1.0),), 0.0), config(**how))

    async def end(self) -> None:
        await self.inbox.close()
        await self.task

    @property
    def state(self) -> str:
        return self.reports[-1].state

    @property
    def waiting(self) -> int:
        return self.stage._new_status().queue  # what a report would say now

    @property
    def reports(self) -> list[GenerationStatus]:
        return [output for output in self.sent if isinstance(output, GenerationStatus)]

    @property
    def files(self) -> list[GeneratedImage]:
        return [output for output in self.sent if isinstance(output, GeneratedImage)]


def config(**changes: Any) -> GenerationConfig:
    return GenerationConfig(**{"time": 0.0, "enabled": True, **changes})


def colors(frames: Sequence[VideoFrame]) -> list[tuple[int, int, int]]:
    return [cast("tuple[int, int, int]", tuple(map(int, f.pixels[0, 0]))) for f in frames]
