"""What the phases of a run share: its settings, its folders, its state between phases."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models.generation.codec.codec import CodecConfig
from models.generation.dit import DitConfig
from models.generation.small.loading import FILE_NAMES
from models.training.one_run.composing import ClipStream
from models.training.one_run.time_budget import PhaseTime, note_progress
from models.training.process import append_line, training_steps
from models.training.video.train_dit import small_config

SAVE_INTERVAL = 60.0  # seconds: what a run that is cut loses


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A run: `size` pixels of a side, `latents` of a clip; batches are in clips.

    A phase starts with `first` clips at least, and the codec is trained on `held` at most. In the
    few-step phase, the critic makes `critic_steps` for each step of the model.
    """

    device: torch.device
    size: int = 128
    latents: int = 12
    codec: CodecConfig = field(default_factory=CodecConfig)
    dit: DitConfig = field(default_factory=lambda: small_config(CodecConfig().channels))
    codec_clips: int = 32
    clips: int = 256
    few_step_clips: int = 64
    critic_steps: int = 4
    first: int = 256
    held: int = 8000
    compiled: bool = True


@dataclass(slots=True, eq=False)
class VideoRun:
    """A run in `folder`, which gets weights in float16; `stream` has clips to train on."""

    config: RunConfig
    folder: Path
    stream: ClipStream

    @property
    def codec(self) -> Path:
        return self.folder / FILE_NAMES[0]

    @property
    def drawing(self) -> Path:
        return self.folder / FILE_NAMES[1]

    def log(self, phase: str, step: int, values: dict[str, float]) -> None:
        append_line(self.folder / "log.jsonl", {"phase": phase, "step": step, **values})


def steps(
    run: VideoRun, phase: str, time: PhaseTime, save: Callable[[], object]
) -> Iterator[tuple[int, float]]:
    """Yield the number of each step of `phase` and the share that is done, until its time is over.

    `save` is called every minute and at the end, and then the progress is noted.
    """
    step = 0

    def save_and_note() -> None:
        save()
        note_progress(run.folder, phase, time.done(step))

    def has_more() -> bool:
        return time.done(step) < 1

    for _ in training_steps(has_more, save_and_note, work=time.clock, interval=SAVE_INTERVAL):
        yield step, time.done(step)
        step += 1
