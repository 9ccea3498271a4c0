"""Controls to chunks of generated frames, for one session."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from media.pipeline.generation.camera_window import CameraWindow
from media.pipeline.generation.controls import Controls
from media.pipeline.interfaces import Pixels
from media.pipeline.limits import FrameOutput
from media.pipeline.models.generation import ChunkOrder, GeneratedChunk, GenerationServer
from media.servers.server import ModelHandle
from models.generation.chunk_request import ChunkRequest, StepRange, WeightedPrompts
from models.generation.own_look import OwnLooks

NO_CAMERA = "no camera frame has come yet: the video is generated from the prompt alone"


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedFrame:
    """A frame to be shown, as a JPEG file too if the session wants files.

    `control_time` is the time of the oldest control that this frame is the first to follow.
    """

    pixels: Pixels
    jpeg: bytes | None
    control_time: float | None = None


class ChunkProducer:
    """Generates what the controls ask for, a chunk at a time; uses no clock."""

    def __init__(self, server: GenerationServer, output: FrameOutput, controls: Controls) -> None:
        self._server = server
        self._min_side = output.min_side
        self._controls = controls
        self._video: ModelHandle[Any, ChunkOrder, GeneratedChunk] | None = None
        self._read: tuple[WeightedPrompts, OwnLooks] = ((), ())  # that the notices are about
        self._notices: tuple[str, ...] = ()
        self._step = 0
        self._pending: list[tuple[int, float]] = []  # steps whose frames follow a control first
        self.camera = CameraWindow(server.generator.chunk, output.rate)

    @property
    def steps(self) -> StepRange:
        """Return the step range of the chosen sampler."""
        return self._server.generator.samplers[self._controls.config.sampler]

    @property
    def notices(self) -> tuple[str, ...]:
        """Return messages for the user about the prompt and the camera."""
        if self._controls.refusal:
            return (self._controls.refusal,)
        no_camera = self._controls.config.camera and self.camera.empty
        return (*self._notices, NO_CAMERA) if no_camera else self._notices

    def clear(self) -> None:
        """Discard the video; the next chunk starts another."""
        self._video = None
        self._controls.restart = True
        self._pending.clear()
        self.camera.clear()

    async def generate(self, steps: int) -> list[GeneratedFrame]:
        """Return the frames that the next chunk completes; the first chunks may complete none."""
        controls, config = self._controls, self._controls.config
        generator = self._server.generator
        if controls.restart or self._video is None:
            self._video = await self._server.open()
        control_time, only_tracks = controls.take()
        if control_time is not None:
            lag = generator.lag(config.sampler, steps) if only_tracks else 0
            self._pending.append((self._step + lag, control_time))
        request = ChunkRequest(
            prompt=controls.prompt,
            steps=steps,
            track=controls.tracks.chunk(generator.chunk),
            start=self.camera.chunk() if config.camera else None,
            strength=config.strength,
            looks=controls.looks,
        )
        asked = (request.prompt, request.looks)
        order = ChunkOrder(
            request=request,
            sampler=config.sampler,
            seed=config.seed,
            min_side=self._min_side,
            files=config.pictures,
            read=asked != self._read,
        )
        (chunk,) = await self._video.step(order)
        if chunk.notices is not None:
            self._read, self._notices = asked, chunk.notices
        return self._marked([GeneratedFrame(*frame) for frame in chunk.frames])

    def _marked(self, frames: Sequence[GeneratedFrame]) -> list[GeneratedFrame]:
        """Set the control time of the first of `frames`, if they are the first to follow one."""
        step, self._step = self._step, self._step + 1
        followed = [time for first, time in self._pending if first <= step]
        if not frames or not followed:
            return list(frames)
        self._pending = [each for each in self._pending if each[0] > step]
        first, *rest = frames
        return [replace(first, control_time=min(followed)), *rest]
