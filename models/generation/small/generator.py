"""The small model's video generator for live sessions: one loaded model, a state for each session.

It takes a `ChunkRequest` and returns frames. What is drawn is the caption of the prompt's reading;
without a track, its motions become one (planner.py), and `prompt_notices` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.engine import EngineLoader, load_in_torch
from models.generation.calls import SESSIONS, Calls, run_alone, run_together
from models.generation.chunk_request import (
    FRAME_RATE,
    MAX_THINGS,
    ChunkRequest,
    Pixels,
    StepRange,
    WeightedPrompts,
)
from models.generation.codec.codec import FRAMES_PER_LATENT, FeatureCache
from models.generation.context import Reach
from models.generation.control import ChunkControl
from models.generation.generator import FrameGenerator, GeneratorState, Sampler
from models.generation.own_look import OwnLooks
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.registry import (
    DEFAULT_STEPS,
    MAX_STEPS,
    create_sampler,
    motion_stream_levels,
    rolling_forcing_levels,
)
from models.generation.samplers.stream_dit import BUFFER_CHUNKS
from models.generation.schedules import SHIFT, partition_level
from models.generation.small import loading
from models.generation.small.loading import SmallVideoModel
from models.generation.small.looks.encoder import LookEncoder, LookState
from models.generation.small.looks.planning import PlannedPrompt, PromptPlanner
from models.generation.small.prompts.notices import notices, refusal
from models.generation.small.track_blending import MotionState, blend_tracks


@dataclass(frozen=True, slots=True, eq=False)
class SmallVideoState:
    """A session's video: its sampler, and the states of sampler, encoder, prompt, motion, looks."""

    sampler: str
    seed: int
    steps: int
    stream: GeneratorState[Any]
    encoder: FeatureCache | None = None
    prompt: PlannedPrompt | None = None
    motion: MotionState = field(default_factory=MotionState)
    looks: LookState = field(default_factory=LookState)


class SmallVideoGenerator:
    """Generates frames with a small model; use it from one thread at a time."""

    stand_in = False
    max_batch = SESSIONS.maximum
    chunk = FRAMES_PER_LATENT
    rate = float(FRAME_RATE)

    def __init__(self, model: SmallVideoModel, reach: Reach | None = None) -> None:
        """`reach` is at most the trained one, its default."""
        self._model = model
        self._backbone = model.backbone(reach)
        info = model.info
        self._looks = None
        if model.looks is not None:
            self._looks = LookEncoder(model.looks, model.codec, info.size)
        self.takes_looks = self._looks is not None
        self.size = (model.shown_size, model.shown_size)
        self.vocabulary = info.vocabulary
        self._planner = PromptPlanner(model.prompt_encoder.prompt, self.vocabulary, self._looks)
        self.about = (
            f"video is drawn by a small model at {described_size(model)}: it knows "
            f"{len(self.vocabulary.things)} kinds of things and "
            f"{len(self.vocabulary.backgrounds)} backgrounds, nothing else, and its shapes are "
            "rough"
        )
        self.tracks = self._backbone.config.condition > 0
        self.samplers: Mapping[str, StepRange] = {
            name: StepRange(
                default=own,
                minimum=1,
                maximum=MAX_STEPS[name],
                adjustable=name != "rolling-forcing",
            )
            for name, own in DEFAULT_STEPS.items()
        }

    def lag(self, name: str, steps: int) -> int:
        """Return the further chunks until a track shows, and the looks of a prompt."""
        if name == "rolling-forcing":
            return steps - 1
        return BUFFER_CHUNKS - 1 if name == "stream-dit" else 0

    def refusal(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> str:
        """Return why nothing is drawn for `prompt`; empty if it can be drawn."""
        return refusal(prompt, self.vocabulary.with_own(looks))

    def prompt_notices(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> tuple[str, ...]:
        """Return what the user should know of how `prompt` is read."""
        return notices(prompt, self.vocabulary.with_own(looks), tracks=self.tracks)

    def init_state(self, name: str, seed: int) -> SmallVideoState:
        """Return the state of a new video by sampler `name`."""
        stream = self._generator(name, DEFAULT_STEPS[name], seed, 1.0).init_state()
        return SmallVideoState(name, seed, DEFAULT_STEPS[name], stream)

    def step(
        self, state: SmallVideoState, request: ChunkRequest
    ) -> tuple[SmallVideoState, Sequence[Pixels]]:
        """Return the new state, and the finished frames; `state` becomes invalid.

        `request.track` and `request.start` have `chunk` frames.
        """
        return run_alone(self._calls(state, request))

    def step_many(
        self, states: Sequence[SmallVideoState], requests: Sequence[ChunkRequest]
    ) -> list[tuple[SmallVideoState, Sequence[Pixels]]]:
        """Return what `step` returns for each; equal calls of several are one.

        If it raises, all `states` are still valid.
        """
        return run_together([self._calls(*each) for each in zip(states, requests, strict=True)])

    def _calls(
        self, state: SmallVideoState, request: ChunkRequest
    ) -> Calls[tuple[SmallVideoState, Sequence[Pixels]]]:
        prompt = self._planner.plan(state.prompt, request, state.seed)
        stream = state.stream
        if request.steps != state.steps and not self.samplers[state.sampler].adjustable:
            stream = replace(stream, sampler=replace(stream.sampler, window=()))  # for other steps
        start, encoder = yield from self._encode_start(request.start, state.encoder)
        strength = 1.0 if start is None else request.strength
        motion_plan = (
            prompt.motion_plan if request.start is None else None
        )  # a camera shows by itself where things are
        motion, track = blend_tracks(state.motion, motion_plan, _requested_track(request))
        look_state, looks = state.looks, None
        if self._looks is not None and prompt.looks is not None:
            look_state, looks = yield from self._looks.step(look_state, prompt.looks, track)
        generator = self._generator(state.sampler, request.steps, state.seed, strength)
        min_strength = 0.0 if not strength else _min_strength(state.sampler, request.steps)
        control = ChunkControl(
            prompt.prompt,
            track if self.tracks else None,
            start,
            max(strength, min_strength),
            looks=looks,
        )
        stream, chunks = yield from generator.calls(stream, control)
        after = SmallVideoState(
            state.sampler,
            state.seed,
            request.steps,
            stream,
            encoder,
            prompt,
            motion,
            look_state,
        )
        return after, [frame for chunk in chunks for frame in chunk]

    def _generator(self, name: str, steps: int, seed: int, strength: float) -> FrameGenerator[Any]:
        """Return the sampler with the codec; with start frames, all steps are below `strength`."""
        made: Sampler[Any]
        if name == "motion-stream" and 0 < strength < 1:
            below = (strength * level for level in motion_stream_levels(steps))
            made = MotionStream(self._backbone, (1.0, *below), seed)
        else:
            made = create_sampler(name, self._backbone, steps=steps, seed=seed)
        return FrameGenerator(made, self._model.decoder)

    def _encode_start(
        self, frames: Sequence[Pixels] | None, memory: FeatureCache | None
    ) -> Calls[tuple[Tensor | None, FeatureCache | None]]:
        """Return the latents of camera frames, and the encoder's cache."""
        if frames is None:
            return None, None
        side = self._model.info.size
        fitted = np.stack([fit(frame, (side, side)) for frame in frames])
        pixels = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        latents, memory = yield from self._model.codec.encode(pixels, memory)
        return latents[0], memory


def load(
    folder: Path | None = None,
    load_engine: EngineLoader = load_in_torch,
    *,
    enlarged: bool = True,
) -> SmallVideoGenerator:
    """Return the generator in `folder`, or else the one that ships, with its enlarger or without.

    Raises:
        WeightsError: files are missing, damaged, or do not belong together.
        EngineError: an engine cannot be built or loaded.
    """
    files = loading.find_files(folder, enlarged=enlarged)
    return SmallVideoGenerator(loading.load_files(files, load_engine))


def described_size(model: SmallVideoModel) -> str:
    """Return the size of the frames that `model` draws and shows, in words."""
    drawn, shown = model.info.size, model.shown_size
    larger = "" if shown == drawn else f", enlarged to {shown} x {shown}"
    return f"{drawn} x {drawn} pixels{larger}"


def fit(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a picture, cropped at its center and scaled to `size` (width, height)."""
    height, width, _ = pixels.shape
    scale = min(width / size[0], height / size[1])
    across, high = size[0] * scale, size[1] * scale
    left, top = (width - across) / 2, (height - high) / 2
    box = (left, top, left + across, top + high)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, box=box), np.uint8)


def _requested_track(request: ChunkRequest) -> Tensor:
    """Return the requested track, float32 (MAX_THINGS, FRAMES_PER_LATENT, 2), NaN for none."""
    drawn = torch.full((MAX_THINGS, FRAMES_PER_LATENT, 2), torch.nan)
    if request.track is not None:
        drawn[: len(request.track)] = torch.from_numpy(request.track)
    return drawn


def _min_strength(name: str, steps: int) -> float:
    """Return the strength below which a sampler of fixed levels would generate nothing."""
    if name == "rolling-forcing":
        return min(rolling_forcing_levels(steps))
    return partition_level(0, 0, BUFFER_CHUNKS, 1, SHIFT) if name == "stream-dit" else 0.0
