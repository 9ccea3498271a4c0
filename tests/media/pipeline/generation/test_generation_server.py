import asyncio
from collections.abc import Sequence

from media.pipeline.interfaces import Pixels
from media.pipeline.models.generation import (
    ChunkOrder,
    GeneratedChunk,
    GenerationServer,
    GenerationSlots,
)
from media.servers.device import JobQueue
from models.generation.chunk_request import ChunkRequest
from tests.media.pipeline.generation.scripted_generator import (
    SIDE,
    ScriptedGenerator,
    ScriptedVideo,
)
from tests.media.stepped import SteppedClock, SteppedDevice

PROMPTS = ("a duck", "a ball on sand")


class SharedGenerator(ScriptedGenerator):
    """Steps two videos at once."""

    max_batch = 2

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def step_many(
        self, states: Sequence[ScriptedVideo], requests: Sequence[ChunkRequest]
    ) -> list[tuple[ScriptedVideo, Sequence[Pixels]]]:
        self.batches.append(len(states))
        return [self.step(state, each) for state, each in zip(states, requests, strict=True)]


def order(prompt: str) -> ChunkOrder:
    return ChunkOrder(
        request=ChunkRequest(prompt=((prompt, 1.0),), steps=2),
        sampler="motion-stream",
        seed=1,
        min_side=SIDE,
        files=True,
        read=True,
    )


async def drawn(generator: ScriptedGenerator, prompts: Sequence[str]) -> list[list[GeneratedChunk]]:
    """Return three chunks of each prompt's video, all drawn at the same time."""
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 1.0), "generation")
    server = GenerationServer(generator, queue, GenerationSlots(2))
    videos: list[list[GeneratedChunk]] = [[] for _ in prompts]

    async def draw(number: int) -> None:
        handle = await server.open()
        for _ in range(3):
            videos[number] += await handle.step(order(prompts[number]))

    async with asyncio.TaskGroup() as tasks:
        for number in range(len(prompts)):
            tasks.create_task(draw(number))
        await clock.go(60.0)
    return videos


async def test_videos_that_are_drawn_together_are_those_drawn_alone() -> None:
    shared = SharedGenerator()
    together = await drawn(shared, [*PROMPTS, *PROMPTS])
    alone = [(await drawn(ScriptedGenerator(), [prompt]))[0] for prompt in PROMPTS]
    assert 2 in shared.batches
    for video, expected in zip(together, [*alone, *alone], strict=True):
        for chunk, other in zip(video, expected, strict=True):
            assert chunk.notices == other.notices
            assert [file for _, file in chunk.frames] == [file for _, file in other.frames]
