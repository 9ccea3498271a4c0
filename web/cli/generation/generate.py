"""Video from a prompt and tracks: `eyeline generate "a duck on grass" -o duck.mp4`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from media.files.mp4_writer import Mp4Writer
from models.generation.calls import run_alone
from models.generation.chunk_request import FRAME_RATE, MAX_THINGS, ChunkRequest
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.control import ChunkControl
from models.generation.generator import FrameGenerator
from models.generation.samplers.registry import MAX_STEPS, create_sampler
from models.generation.small.info import SmallVideoInfo, read_info
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.looks.encoder import LookEncoder, LookState
from models.generation.small.looks.planning import PlannedPrompt, PromptPlanner
from models.generation.small.prompts.notices import notices as prompt_notices
from models.generation.small.prompts.notices import refusal
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import FREE, PromptReading
from models.generation.small.track_blending import MotionState, blend_tracks
from web.cli.generation import wan_video
from web.cli.generation.inputs import TimedPrompt, TimedTrack
from web.cli.generation.own_pictures import OwnPicture, own_looks, picture_notices
from web.cli.output_file import open_output
from web.config import Settings
from web.errors import UndrawableError, UsageError
from web.loading.engines import stored_engines
from web.loading.progress import ProgressBar

MAX_SIDE = 2048  # pixels of a video

Frame = NDArray[np.uint8]  # (height, width, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """The video to generate: its length in seconds, its prompts by time, tracks of its things.

    `steps` None is the default of the sampler; frames are enlarged `scale` times, with
    `enlarger` by the model's own network as far as that goes. `pictures` are of the user's own.
    """

    prompts: tuple[TimedPrompt, ...]
    tracks: tuple[TimedTrack | None, ...] = ()
    seconds: float = 20.0
    sampler: str = "motion-stream"
    steps: int | None = None
    seed: int = 0
    scale: int = 4
    enlarger: bool = True
    pictures: tuple[OwnPicture, ...] = ()

    def frames(self, rate: int = FRAME_RATE) -> int:
        """Return the number of frames at `rate` a second, at least one."""
        return max(1, round(self.seconds * rate))

    @property
    def has_tracks(self) -> bool:
        return any(track is not None for track in self.tracks)


@dataclass(frozen=True, slots=True, eq=False)
class ScheduledPrompt:
    """The prompt from `time` on, in seconds: what is drawn, and how things without tracks move."""

    time: float
    planned: PlannedPrompt


def generate(settings: Settings, request: VideoRequest, model: Path | None, output: Path) -> int:
    """Write the requested video to `output`; return 0. Ctrl-C keeps the frames so far.

    Raises:
        ModelError: there is no model, or its files are damaged.
        MediaError: the video cannot be written.
        UndrawableError: the model knows no thing of a prompt.
        UsageError: the output cannot be created, or the sampler does not support so many steps.
    """
    max_steps = MAX_STEPS[request.sampler]
    if request.steps is not None and not 1 <= request.steps <= max_steps:
        raise UsageError(
            f"--steps: {request.sampler} takes 1 to {max_steps} steps, got {request.steps}"
        )
    torch.set_num_threads(settings.threads_in_use)
    rate = FRAME_RATE
    if model is not None and wan_video.is_wan(model):
        rate = wan_video.frame_rate(str(model))
    writer: Mp4Writer | None = None
    try:
        with open_output(output) as file:
            messages, frames, scale = start_generation(settings, request, model)
            for message in messages:
                sys.stderr.write(f"{message}\n")
            writer = Mp4Writer(file.partial, rate, scale)
            try:
                write_video(writer, frames, request.seconds, rate)
            finally:
                file.worth_keeping = writer.playable
    except KeyboardInterrupt:
        made = 0 if writer is None else writer.frames
        sys.stderr.write(summary(made / rate, output, interrupted=True))
        raise
    sys.stderr.write(summary(writer.frames / rate, output, interrupted=False))
    return 0


def write_video(writer: Mp4Writer, frames: Iterator[Frame], seconds: float, rate: int) -> None:
    """Write `frames`, and show how many of `seconds` are done."""
    with writer, ProgressBar(seconds) as progress:
        for frame in frames:
            writer.write(frame)
            progress.update(writer.frames / rate)


def start_generation(
    settings: Settings, request: VideoRequest, model: Path | None
) -> tuple[list[str], Iterator[Frame], float]:
    """Return messages about the model, the frames of the video, and how much larger to write them.

    Raises:
        UndrawableError: the model knows no thing of a prompt.
        UsageError: the model does not support an option.
        ModelError: there is no model, its files are damaged, or no engine runs it.
    """
    if model is not None and wan_video.is_wan(model):
        name = str(model)
        if request.pictures:
            raise UsageError(f"{name} draws from words alone: omit --look and --background")
        wan = wan_video.load_on_gpu(
            name, settings.weights, tracked=request.has_tracks, steps=request.steps
        )
        wan.codec.rows = settings.drawing_rows
        count = request.frames(wan.base.rate)
        frames = wan_video.generate_frames(wan, request.prompts, count, request.seed)
        return [wan_video.notice(name)], frames, 1
    files = find_files(model, enlarged=request.enlarger)
    messages = notices(read_info(files.dit), request)
    if request.pictures and files.looks is None:
        raise UsageError("this model draws from words alone: omit --look and --background")
    with stored_engines(settings) as load_engine:
        small = load_files(files, load_engine)
    side = small.info.size * max(1, min(request.scale, MAX_SIDE // small.info.size))
    return messages, generate_frames(small, request), side / small.shown_size


def summary(seconds: float, output: Path, *, interrupted: bool) -> str:
    """Return the last line of the command: what was written, and where."""
    if not interrupted:
        return f"{seconds:g} s in {output}\n"
    if not seconds:
        return "interrupted before the first frame: nothing was written\n"
    return f"interrupted: the first {seconds:g} s are in {output}\n"


def generate_frames(model: SmallVideoModel, request: VideoRequest) -> Iterator[Frame]:
    """Yield the frames of the video, uint8 (height, width, 3), at `FRAME_RATE`.

    A prompt takes effect in the frames from its time on, whatever the latency of the sampler.
    """
    latents = create_sampler(
        request.sampler, model.backbone(), steps=request.steps, seed=request.seed
    )
    generator = FrameGenerator(latents, model.decoder)
    encoder = None
    if model.looks is not None:
        encoder = LookEncoder(model.looks, model.codec, model.info.size)
    schedule = schedule_prompts(model, request, encoder)
    state, motion, look_state = generator.init_state(), MotionState(), LookState()
    count, wanted = 0, request.frames()
    while count < wanted:
        first = motion.frames
        plan = prompt_at(schedule, first / FRAME_RATE).planned.motion_plan
        positions = track_positions(request.tracks, first, FRAMES_PER_LATENT)
        motion, track = blend_tracks(motion, plan, positions)
        planned, looks = prompt_at(schedule, count / FRAME_RATE).planned, None
        if encoder is not None and planned.looks is not None:
            look_state, looks = run_alone(encoder.step(look_state, planned.looks, track))
        state, chunks = generator.step(state, ChunkControl(planned.prompt, track, looks=looks))
        for frame in (frame for chunk in chunks for frame in chunk):
            if count < wanted:
                count += 1
                yield frame


def schedule_prompts(
    model: SmallVideoModel, request: VideoRequest, encoder: LookEncoder | None
) -> tuple[ScheduledPrompt, ...]:
    """Return the prompts with what is drawn of them."""
    planner = PromptPlanner(model.prompt_encoder.prompt, model.info.vocabulary, encoder)
    own = own_looks(request.pictures, model.info.vocabulary)
    scheduled = []
    for each in request.prompts:
        asked = ChunkRequest(prompt=((each.text, 1.0),), steps=1, looks=own)
        scheduled.append(ScheduledPrompt(each.time, planner.plan(None, asked, request.seed)))
    return tuple(scheduled)


def prompt_at(schedule: Sequence[ScheduledPrompt], time: float) -> ScheduledPrompt:
    return schedule[max(0, sum(each.time <= time for each in schedule) - 1)]


def track_positions(tracks: Sequence[TimedTrack | None], first: int, count: int) -> Tensor:
    """Return the positions of things in frames `first` to `first + count - 1`.

    float32 (MAX_THINGS, count, 2), NaN for things without a track.
    """
    positions = torch.full((MAX_THINGS, count, 2), torch.nan)
    times = np.arange(first, first + count) / FRAME_RATE
    for number, track in enumerate(tracks):
        if track is not None:
            positions[number] = torch.from_numpy(track.at(times))
    return positions


def notices(info: SmallVideoInfo, request: VideoRequest) -> list[str]:
    """Return what users should know: how small the model is, and how it reads the prompts.

    Raises:
        UndrawableError: the model knows no thing of a prompt.
        UsageError: a picture has no name that prompts can say.
    """
    vocabulary = info.vocabulary.with_own(own_looks(request.pictures, info.vocabulary))
    messages = [
        f"a small model draws {info.size} x {info.size} pixels: "
        f"it knows {len(vocabulary.things)} kinds of things "
        f"({', '.join(vocabulary.kinds[:3])}, ...) and {len(vocabulary.backgrounds)} backgrounds "
        f"({', '.join(vocabulary.grounds[:3])}, ...), nothing else"
    ]
    messages += picture_notices(request.pictures, info.vocabulary)
    for prompt in request.prompts:
        parts = ((prompt.text, 1.0),)
        if reason := refusal(parts, vocabulary):
            raise UndrawableError(reason)
        messages += [
            f'"{prompt.text}": {notice}'
            for notice in (
                *prompt_notices(parts, vocabulary, tracks=False),
                *_motion_notices(request, read_prompt(prompt.text, vocabulary)),
            )
        ]
    return messages


def _motion_notices(request: VideoRequest, reading: PromptReading) -> list[str]:
    """Return how the things without a track move."""
    tracked = [track is not None for track in request.tracks]
    found = []
    for number, thing in enumerate(reading.things):
        if number >= len(tracked) or not tracked[number]:
            free = thing.motion in ("", FREE)
            way = "in a curve" if free else f"as the prompt says: {thing.motion}"
            found.append(f"the {thing.kind} has no track, so it moves {way}")
    return found
