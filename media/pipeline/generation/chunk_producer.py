"""One session's video in the making: controls to chunks of pictures that are ready to be shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from media import images as pictures
from media.pipeline.generation.camera_window import CameraWindow
from media.pipeline.generation.controls import Controls
from media.pipeline.interfaces import Pixels
from media.pipeline.limits import FrameOutput
from media.pipeline.models import GenerationService
from models.generation.chunk_request import ChunkRequest, StepRange, WeightedPrompts

NO_CAMERA = "no picture of a camera has come yet: it is drawn from the prompt alone"


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedFrame:
    """A picture to be shown, as a JPEG file too where that was asked for.

    `since` is when the control came that it is the first to follow, if it is.
    """

    pixels: Pixels
    jpeg: bytes | None
    since: float | None = None


class ChunkProducer:
    """Draws what is asked, a chunk at a time; knows no clock."""

    def __init__(self, studio: GenerationService, canvas: FrameOutput, asked: Controls) -> None:
        self._studio = studio
        self._side = canvas.min_side
        self._asked = asked
        self._state: Any = None
        self._read: WeightedPrompts = ()
        self._told: tuple[str, ...] = ()
        self._step = 0
        self._due: list[tuple[int, float]] = []  # the step whose pictures follow a control
        self.camera = CameraWindow(studio.generator.chunk, canvas.rate)

    @property
    def steps(self) -> StepRange:
        """What the sampler asked for can do."""
        return self._studio.generator.samplers[self._asked.generation.sampler]

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of the prompt and the source."""
        blind = self._asked.generation.camera and self.camera.empty
        return (*self._told, NO_CAMERA) if blind else self._told

    def forget(self) -> None:
        """Let go of the video; the next one begins anew."""
        self._state = None
        self._asked.anew = True
        self._due.clear()
        self.camera.forget()

    async def paint(self, steps: int) -> list[GeneratedFrame]:
        """Return the pictures that the next chunk completes: at first there may be none."""
        asked, generation = self._asked, self._asked.generation
        begin = asked.anew or self._state is None
        painter = self._studio.generator
        since, only_tracks = asked.taken()
        lag = painter.lag(generation.sampler, steps) if only_tracks else 0
        if since is not None:
            self._due.append((self._step + lag, since))
        wish = ChunkRequest(
            prompt=asked.prompt,
            steps=steps,
            track=asked.tracks.chunk(painter.chunk),
            start=self.camera.chunk() if generation.camera else None,
            strength=generation.strength,
        )
        state = None if begin else self._state
        told = None if wish.prompt == self._read else wish.prompt
        self._state, sheets, notes = await self._studio.worker.run(
            self._work, state, wish, told, generation.sampler, generation.seed, generation.pictures
        )
        if notes is not None:
            self._read, self._told = wish.prompt, notes
        return self._marked(sheets)

    def _work(
        self,
        state: Any,
        wish: ChunkRequest,
        told: WeightedPrompts | None,
        sampler: str,
        seed: int,
        files: bool,
    ) -> tuple[Any, list[GeneratedFrame], tuple[str, ...] | None]:
        """Draw, on the brush's thread; what `told` says is read there too."""
        painter = self._studio.generator
        notes = None if told is None else painter.prompt_notices(told)
        if state is None:
            state = painter.init_state(sampler, seed)
        state, drawn = painter.step(state, wish)
        shown = [pictures.upscale(pixels, self._side) for pixels in drawn]
        sheets = [
            GeneratedFrame(pixels, pictures.encode_jpeg(pixels) if files else None)
            for pixels in shown
        ]
        return state, sheets, notes

    def _marked(self, sheets: Sequence[GeneratedFrame]) -> list[GeneratedFrame]:
        """Note on the first of `sheets` which control they are the first to follow."""
        step, self._step = self._step, self._step + 1
        met = [since for due, since in self._due if due <= step]
        if not sheets or not met:
            return list(sheets)
        self._due = [each for each in self._due if each[0] > step]
        first, *rest = sheets
        return [GeneratedFrame(first.pixels, first.jpeg, min(met)), *rest]
