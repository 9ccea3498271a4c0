"""Pictures as a live session asks for them: one loaded model, a state for each session.

Takes plain values (painting.Wish) and gives plain pictures. Where nobody drew a track, the motion
words of the prompt are read as one (planner.py), and `read` says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.generation.chunk_request import ChunkRequest, Parts, Pixels, StepRange
from models.generation.codec import FRAMES, Memory
from models.generation.control import THINGS, Control
from models.generation.generator import Generator, State
from models.generation.prompt_encoder import LONGEST, Prompt, blend, split
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.registry import MOST, STEPS, falling, ramp, sampler
from models.generation.samplers.stream_dit import CHUNKS
from models.generation.schedules import SHIFT, staircase
from models.generation.small import loading as embedded
from models.generation.small.loading import SmallVideoModel
from models.generation.small.planner import MOTIONS, RATE, SPEEDS, Plan, plan
from models.generation.small.track_blending import Moving, onwards
from models.streaming import Streaming

UNKNOWN_TOLD = 8  # words that the model does not know, of which a person is told


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A prompt as the model takes it, and its motion."""

    parts: Parts
    prompt: Prompt
    plan: Plan


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoState:
    """A session's video: which sampler draws it and how, and what it needs of its past."""

    sampler: str
    seed: int
    steps: int
    inner: State[Any]
    encoder: Memory | None = None
    said: Said | None = None
    moving: Moving = field(default_factory=Moving)


class SmallVideoGenerator:
    """Draws with an embedded model; one thread at a time."""

    stand_in = False
    chunk = FRAMES
    rate = float(RATE)

    def __init__(self, drawing: SmallVideoModel) -> None:
        self._drawing = drawing
        self._backbone = drawing.backbone()
        shows = drawing.shows
        self.size = (shows.size, shows.size)
        self.things, self.backgrounds = shows.things, shows.backgrounds
        self.about = (
            f"video is drawn by a small model at {shows.size} x {shows.size} pixels: it knows "
            f"{len(shows.things)} names of things and {len(shows.backgrounds)} of backgrounds, "
            "nothing else, and its shapes are rough"
        )
        self.tracks = drawing.model.config.condition > 0
        self.samplers: Mapping[str, StepRange] = {
            name: StepRange(own=own, fewest=1, most=MOST[name], live=name != "rolling-forcing")
            for name, own in STEPS.items()
        }

    def lag(self, name: str, steps: int) -> int:
        """Return after how many further chunks a track shows; a prompt shows in the next."""
        if name == "rolling-forcing":
            return steps - 1
        return CHUNKS - 1 if name == "stream-dit" else 0

    def prompt_notices(self, prompt: Parts) -> tuple[str, ...]:
        """Return what a person should know of how `prompt` is read."""
        words = self._drawing.words
        texts = [text for text, weight in prompt if weight > 0]
        unknown = {word: None for text in texts for word in words.unknown(text)}
        known = [len(split(text)) - len(words.unknown(text)) for text in texts]
        notes = []
        if not all(known):
            notes.append("a prompt has no word that the model knows: it shows what it likes")
        elif told := [word for word in unknown if not _is_motion(word)][:UNKNOWN_TOLD]:
            notes.append(f"words that the model does not know are passed over: {', '.join(told)}")
        if max(known) > LONGEST:
            notes.append(f"only the first {LONGEST} words that the model knows are read")
        motions = [motion for motion in self._plan(prompt).motions if motion != "free"]
        if motions and self.tracks:
            notes.append(f"the motion was read from the words: {', '.join(motions)}")
        return tuple(notes)

    def init_state(self, name: str, seed: int) -> SmallVideoState:
        """Return a video that is not begun, to be drawn by sampler `name`."""
        inner = self._generator(name, STEPS[name], seed, 1.0).init_state()
        return SmallVideoState(name, seed, STEPS[name], inner)

    def step(
        self, state: SmallVideoState, wish: ChunkRequest
    ) -> tuple[SmallVideoState, Sequence[Pixels]]:
        """Return the video after, and the pictures that became clear; the old state is spent.

        `wish.track` has `chunk` pictures, as has `wish.start`.
        """
        said = self._heard(state.said, wish.prompt)
        inner = state.inner
        if wish.steps != state.steps and not self.samplers[state.sampler].live:
            inner = replace(inner, sampler=replace(inner.sampler, window=()))  # begun otherwise
        start, encoder = self._started(wish.start, state.encoder)
        strength = 1.0 if start is None else wish.strength
        plan = (
            said.plan if wish.start is None else None
        )  # a camera shows by itself where things are
        moving, track = onwards(state.moving, plan, _drawn(wish))
        generator = self._generator(state.sampler, wish.steps, state.seed, strength)
        least = 0.0 if not strength else _least(state.sampler, wish.steps)
        control = Control(said.prompt, track if self.tracks else None, start, max(strength, least))
        inner, chunks = generator.step(inner, control)
        after = SmallVideoState(
            state.sampler,
            state.seed,
            wish.steps,
            inner,
            encoder,
            said,
            moving,
        )
        return after, [picture for chunk in chunks for picture in chunk]

    def _generator(self, name: str, steps: int, seed: int, strength: float) -> Generator[Any]:
        """Return the sampler with the codec; from pictures, all steps lie below `strength`."""
        made: Streaming[Any, Control, Tensor]
        if name == "motion-stream" and 0 < strength < 1:
            below = (strength * level for level in falling(steps))
            made = MotionStream(self._backbone, (1.0, *below), seed)
        else:
            made = sampler(name, self._backbone, steps=steps, seed=seed)
        return Generator(made, self._drawing.codec)

    def _heard(self, said: Said | None, parts: Parts) -> Said:
        if said is not None and said.parts == parts:
            return said
        read = self._drawing.words.prompt
        prompt = blend([(read(text), weight) for text, weight in parts])
        return Said(parts, prompt, self._plan(parts))

    def _plan(self, parts: Parts) -> Plan:
        """Return the motion that the weightiest text tells."""
        return plan(max(parts, key=lambda part: part[1])[0], self._drawing.shows.things)

    def _started(
        self, pictures: Sequence[Pixels] | None, memory: Memory | None
    ) -> tuple[Tensor | None, Memory | None]:
        """Return the latents of a camera's pictures, and what the next ones need."""
        if pictures is None:
            return None, None
        fitted = np.stack([fit(picture, self.size) for picture in pictures])
        pixels = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.no_grad():
            latents, memory = self._drawing.codec.encode(pixels, memory)
        return latents[0], memory


def load(folder: Path | None = None) -> SmallVideoGenerator:
    """Return the painter in `folder`, or else the one that comes with the program.

    Raises:
        WeightsError: files are missing, damaged, or do not belong together.
    """
    files = embedded.find(folder)
    return SmallVideoGenerator(embedded.load(files.codec, files.drawing))


def fit(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the middle of a picture in the shape of `size` (width, height), scaled to it."""
    height, width, _ = pixels.shape
    scale = min(width / size[0], height / size[1])
    across, high = size[0] * scale, size[1] * scale
    left, top = (width - across) / 2, (height - high) / 2
    box = (left, top, left + across, top + high)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, box=box), np.uint8)


def _drawn(wish: ChunkRequest) -> Tensor:
    """Return the drawn track of a chunk, NaN for things without: float32 (THINGS, FRAMES, 2)."""
    drawn = torch.full((THINGS, FRAMES, 2), torch.nan)
    if wish.track is not None:
        drawn[: len(wish.track)] = torch.from_numpy(wish.track)
    return drawn


def _least(name: str, steps: int) -> float:
    """Return the strength below which a sampler of fixed levels would draw nothing at all."""
    if name == "rolling-forcing":
        return min(ramp(steps))
    return staircase(0, 0, CHUNKS, 1, SHIFT) if name == "stream-dit" else 0.0


def _is_motion(word: str) -> bool:
    return any(re.fullmatch(pattern, word) for pattern in (*MOTIONS.values(), *SPEEDS))
