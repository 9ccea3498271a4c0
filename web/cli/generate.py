"""A film of what a prompt and tracks say: `eyeline generate "a duck on grass" -o duck.mp4`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from media.files.mp4_writer import Mp4Writer
from models.generation.chunk_request import FRAME_RATE, MAX_THINGS
from models.generation.codec import FRAMES_PER_LATENT
from models.generation.control import ChunkControl
from models.generation.generator import FrameGenerator
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.registry import MAX_STEPS, create_sampler
from models.generation.small import loading as embedded
from models.generation.small.planner import MotionPlan
from models.generation.small.planner import plan_motion as planned
from models.generation.small.track_blending import MotionState, blend_tracks
from models.streaming import Streaming
from web.cli import wan_video
from web.cli.generation_inputs import Line, Track
from web.cli.replay import Bar
from web.config import Settings
from web.errors import INTERRUPTED, UsageError

LARGEST_SIDE = 2048  # pixels of a film

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: `seconds` of film with prompts by their time, and tracks of things.

    `steps` None is the sampler's own number; `scale` is how many times as large the film is.
    """

    lines: tuple[Line, ...]
    tracks: tuple[Track | None, ...] = ()
    seconds: float = 20.0
    sampler: str = "motion-stream"
    steps: int | None = None
    seed: int = 0
    scale: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is drawn from `time` on, in seconds, and how its things move without tracks."""

    time: float
    prompt: EncodedPrompt
    plan: MotionPlan


def generate(settings: Settings, wish: Wish, model: Path | None, output: Path) -> int:
    """Write the film of `wish` to `output`; return 0, or after Ctrl-C 130 with what was made.

    Raises:
        ModelError: there is no model, or its files are not what they should be.
        MediaError: the film cannot be written.
        UsageError: the sampler cannot do so many steps.
    """
    if wish.steps is not None and not 1 <= wish.steps <= MAX_STEPS[wish.sampler]:
        most = MAX_STEPS[wish.sampler]
        raise UsageError(f"--steps: {wish.sampler} takes 1 to {most} steps, got {wish.steps}")
    torch.set_num_threads(settings.threads_in_use)
    told, pictures, scale = drawn(settings, wish, model)
    for notice in told:
        sys.stderr.write(f"{notice}\n")
    movie, interrupted = Mp4Writer(output, FRAME_RATE, scale), False
    try:
        with movie, Bar(wish.seconds) as bar:
            for picture in pictures:
                movie.write(picture)
                bar.reach(movie.frames / FRAME_RATE)
    except KeyboardInterrupt:
        interrupted = True
    sys.stderr.write(ending(movie.frames, output, interrupted=interrupted))
    return INTERRUPTED if interrupted else 0


def drawn(
    settings: Settings, wish: Wish, model: Path | None
) -> tuple[list[str], Iterator[Pictures], int]:
    """Return what a person should know, the pictures of `wish`, and how large they are shown.

    Raises:
        UsageError: the model cannot do what is asked for.
        ModelError: there is no model, or its files are not what they should be.
    """
    if model is not None and wan_video.is_wan(model):
        tracked = any(track is not None for track in wish.tracks)
        wan = wan_video.load_on_gpu(str(model), settings.weights, tracked=tracked, steps=wish.steps)
        pictures = wan_video.film(wan, wish.lines, pictures_of(wish), wish.seed)
        return [wan_video.notice(str(model))], pictures, 1
    files = embedded.find_files(model)
    drawing = embedded.load(files.codec, files.dit)
    scale = max(1, min(wish.scale, LARGEST_SIDE // drawing.info.size))
    return notices(drawing, wish), film(drawing, wish), scale


def ending(pictures: int, output: Path, *, interrupted: bool) -> str:
    """Return what is said at the end: what there is, and where."""
    if not interrupted:
        return f"{pictures / FRAME_RATE:g} s in {output}\n"
    if not pictures:
        return "interrupted before the first picture: nothing was written\n"
    return f"interrupted: the {pictures / FRAME_RATE:g} s that were made are in {output}\n"


def film(drawing: embedded.SmallVideoModel, wish: Wish) -> Iterator[Pictures]:
    """Yield the pictures of `wish`, uint8 (height, width, 3), at `RATE` a second.

    A prompt counts from its time on in what comes out, however much is in flight then.
    """
    backbone = drawing.backbone()
    latents = create_sampler(wish.sampler, backbone, steps=wish.steps, seed=wish.seed)
    generator: Streaming[Any, ChunkControl, Pictures] = FrameGenerator(latents, drawing.codec)
    scenes = scenes_of(drawing, wish.lines)
    state, moving = generator.init_state(), MotionState()
    wanted, made = pictures_of(wish), 0
    while made < wanted:
        first = moving.frames
        plan = scenes[scene_at(scenes, first / FRAME_RATE)].plan
        moving, track = blend_tracks(moving, plan, drawn_at(wish.tracks, first, FRAMES_PER_LATENT))
        prompt = scenes[scene_at(scenes, made / FRAME_RATE)].prompt
        state, chunks = generator.step(state, ChunkControl(prompt, track))
        for picture in (picture for chunk in chunks for picture in chunk):
            if made < wanted:
                made += 1
                yield picture


def pictures_of(wish: Wish) -> int:
    """Return how many pictures the film has: one at least."""
    return max(1, round(wish.seconds * FRAME_RATE))


def scenes_of(drawing: embedded.SmallVideoModel, lines: Sequence[Line]) -> tuple[Scene, ...]:
    """Return what the model reads of `lines`."""
    things = drawing.info.things
    return tuple(
        Scene(line.time, drawing.prompt_encoder.prompt(line.text), planned(line.text, things))
        for line in lines
    )


def scene_at(scenes: Sequence[Scene], time: float) -> int:
    """Return the number of the scene that is shown at `time`."""
    return max(0, sum(scene.time <= time for scene in scenes) - 1)


def drawn_at(tracks: Sequence[Track | None], first: int, count: int) -> Tensor:
    """Return where `tracks` have things in pictures `first` to `first + count - 1`.

    float32 (THINGS, count, 2), NaN for what has no track.
    """
    places = torch.full((MAX_THINGS, count, 2), torch.nan)
    times = np.arange(first, first + count) / FRAME_RATE
    for number, track in enumerate(tracks):
        if track is not None:
            places[number] = torch.from_numpy(track.at(times))
    return places


def notices(drawing: embedded.SmallVideoModel, wish: Wish) -> list[str]:
    """Return what a person should know: how small the model is, and what it makes of the words."""
    shows = drawing.info
    told = [
        f"a small model draws, {shows.size} x {shows.size} pixels, and knows {len(shows.things)} "
        f"names of things ({', '.join(shows.things[:3])}, ...), {len(shows.backgrounds)} of "
        f"backgrounds ({', '.join(shows.backgrounds[:3])}, ...), nothing else"
    ]
    for line in wish.lines:
        if drawing.prompt_encoder.tokens(line.text) == [0]:
            told.append(f'"{line.text}": the model knows none of these words')
        elif unknown := drawing.prompt_encoder.unknown(line.text):
            told.append(f'"{line.text}": the model does not know {", ".join(unknown)}')
        told += [
            f'"{line.text}": thing {number} has no track: {moved}'
            for number, motion in enumerate(planned(line.text, shows.things).motions, 1)
            if (moved := _moved(wish, number, motion))
        ]
    return told


def _moved(wish: Wish, number: int, motion: str) -> str:
    """Return what moves thing `number`, nothing where its track does."""
    if number <= len(wish.tracks) and wish.tracks[number - 1] is not None:
        return ""
    if motion == "free":
        return "no word tells how it moves, so it strolls"
    return f"the words were read as the motion {motion}"
