"""The video generator that all sessions share, and how many may use it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from media.images.encoding import encode_jpeg, upscale
from media.pipeline.interfaces import Pixels, VideoGenerator
from media.servers.device import JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from models.generation.chunk_request import ChunkRequest
from models.streaming import batch_limit, step_many


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChunkOrder:
    """A chunk to generate: the first of a video uses `sampler` and `seed`.

    With `read`, it is not known yet what users should know of its prompt. The shorter side of the
    frames is at least `min_side` pixels; with `files` they are JPEG files, too.
    """

    request: ChunkRequest
    sampler: str
    seed: int
    min_side: int
    files: bool
    read: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedChunk:
    """Complete frames, each as a JPEG file too if wanted; the notices of a new prompt."""

    frames: tuple[tuple[Pixels, bytes | None], ...]
    notices: tuple[str, ...] | None


class ChunkGenerator:
    """A video generator whose streams are videos: the state is None before the first chunk."""

    def __init__(self, generator: VideoGenerator) -> None:
        self._generator = generator
        self.max_batch = batch_limit(generator)

    def init_state(self) -> None:
        return None

    def step(self, state: Any, chunk: ChunkOrder) -> tuple[Any, Sequence[GeneratedChunk]]:
        return self.step_many([state], [chunk])[0]

    def step_many(
        self, states: Sequence[Any], chunks: Sequence[ChunkOrder]
    ) -> list[tuple[Any, Sequence[GeneratedChunk]]]:
        generator = self._generator
        begun = [
            generator.init_state(chunk.sampler, chunk.seed) if state is None else state
            for state, chunk in zip(states, chunks, strict=True)
        ]
        made = step_many(generator, begun, [chunk.request for chunk in chunks])
        return [
            (state, (self._finished(pictures, chunk),))
            for (state, pictures), chunk in zip(made, chunks, strict=True)
        ]

    def _finished(self, pictures: Sequence[Pixels], order: ChunkOrder) -> GeneratedChunk:
        request, notices = order.request, None
        if order.read:
            notices = self._generator.prompt_notices(request.prompt, request.looks)
        shown = [upscale(pixels, order.min_side) for pixels in pictures]
        return GeneratedChunk(
            tuple((pixels, encode_jpeg(pixels) if order.files else None) for pixels in shown),
            notices,
        )


class GenerationSlots:
    """Limits how many sessions generate video at once; for one event loop."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._taken = 0

    def acquire(self) -> bool:
        """Take a slot; return False if none is free."""
        if self._taken >= self.count:
            return False
        self._taken += 1
        return True

    def release(self) -> None:
        self._taken -= 1


class GenerationServer(ModelServer[Any, ChunkOrder, GeneratedChunk]):
    """Steps the videos of all sessions that have one of the `slots`."""

    def __init__(self, generator: VideoGenerator, queue: JobQueue, slots: GenerationSlots) -> None:
        super().__init__(ChunkGenerator(generator), queue, Urgency.GENERATION)
        self.generator = generator
        self.slots = slots
