"""A training run of an ANCAT: its configuration, its state, saving and resuming."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.asr.ancat.letters import to_units
from models.asr.ancat.loading import About, build_ancat, save_ancat, trained_tensors
from models.asr.ancat.network import Ancat, AncatConfig, from_whisper
from models.asr.whisper.loading import open_checkpoint
from models.asr.words import RATE
from models.training.ancat import letter_times
from models.training.ancat.letter_times import Times
from models.training.asr.clips import SpeechClip, SpeechClips, load_clips
from models.training.process import save_state

WEIGHTS = "ancat.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class AncatTrainingConfig:
    """How to train. `late` weighs each frame of mean look-ahead against the loss of a letter.

    With `shared`, each step draws a mode other than "adaptive", so that one model learns to read at
    any look-ahead: what all runs of a table start from. Gates cool from a temperature of 1 to
    `cold` in the first `cooling` steps. `ctc` is the weight of a head for training only, which
    teaches the encoder earlier than the transducer does. In the first `guided` steps that head also
    gets the known letter times as targets, with falling weight. The rate rises for `warmup` steps
    and falls linearly to 0 at step `end`; layers initialized from Whisper learn at `rate`, the
    others at `fresh`. A moving average is kept: `average` of the last one, the rest of the new.
    Items have at most `longest` seconds of speech, because memory grows with its square. The
    transducer loss takes `rows` letters for each frame.
    """

    model: AncatConfig
    shared: bool = False
    late: float = 0.0
    seed: int = 1
    rate: float = 2e-4
    fresh: float = 1e-3
    warmup: int = 200
    end: int = 20_000
    cold: float = 0.1
    cooling: int = 2000
    ctc: float = 0.3
    guided: int = 2000
    batch_seconds: int = 40
    rows: int = 16
    longest: float = 20.0
    engines: tuple[tuple[str, float], ...] = (
        ("hibari", 0.4),
        ("pico", 0.2),
        ("flite", 0.2),
        ("piper", 0.2),
    )
    held_out: tuple[str, ...] = ("kokoro", "festival")
    validation: int = 12
    average: float = 0.998


@dataclass(frozen=True, slots=True, eq=False)
class SpelledClip:
    """A clip, its units, and their end times, as in `letter_times`."""

    clip: SpeechClip
    units: tuple[int, ...]
    times: Times


@dataclass(eq=False)
class AncatRun:
    """The state of a run; `average` holds the smoothed weights that are kept."""

    config: AncatTrainingConfig
    folder: Path
    model: Ancat
    ctc: nn.Linear
    clips: SpeechClips
    pools: dict[str, list[SpelledClip]]
    held: list[SpeechClip]
    optimizer: torch.optim.AdamW
    average: dict[str, Tensor]
    step: int = 0
    cpu: float = 0.0
    sound: float = 0.0  # seconds of it in all steps

    @property
    def parameters(self) -> list[nn.Parameter]:
        own = [p for p in self.model.parameters() if p.requires_grad]
        return own + list(self.ctc.parameters())


def open_run(
    config: AncatTrainingConfig,
    clips: Path,
    folder: Path,
    weights: Path,
    *,
    start: Path | None = None,
) -> AncatRun:
    """Return the run in `folder`, resumed or new.

    A new run starts from the weights of the run in the folder `start`, or else from Whisper's
    encoder.
    """
    torch.manual_seed(config.seed)  # for randomly initialized weights
    model = from_whisper(config.model, open_checkpoint(config.model.whisper, weights).build())
    ctc = nn.Linear(model.norm.normalized_shape[0], config.model.units)
    if start is not None:
        _start(model, ctc, start)
    loaded = load_clips(clips)
    run = AncatRun(
        config=config,
        folder=folder,
        model=model.train(),
        ctc=ctc,
        clips=loaded,
        pools=_pools(config, loaded),
        held=[clip for clip in loaded.all if clip.engine in config.held_out],
        optimizer=_optimizer(config, model, ctc),
        average={n: t.detach().clone() for n, t in trained_tensors(model).items()},
    )
    empty = [engine for engine, pool in run.pools.items() if not pool]
    if empty:
        raise ValueError(f"{clips}: no clips to learn from of {', '.join(empty)}")
    _resume(run)
    return run


def _optimizer(config: AncatTrainingConfig, model: Ancat, ctc: nn.Linear) -> torch.optim.AdamW:
    known = [*model.layers.parameters(), *model.norm.parameters(), *model.pool.parameters()]
    fresh = [*model.transducer.parameters(), *model.schedulers.parameters(), *ctc.parameters()]
    groups = [
        {"params": known, "lr": config.rate, "peak": config.rate},
        {"params": fresh, "lr": config.fresh, "peak": config.fresh},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)


def _start(model: Ancat, ctc: nn.Linear, folder: Path) -> None:
    kept = torch.load(folder / "run.pt", weights_only=True)
    own = trained_tensors(model)
    for name, tensor in own.items():
        if name in kept["average"]:  # a run without schedulers can start one with them
            tensor.copy_(kept["average"][name])
    ctc.load_state_dict(kept["ctc"])


def _resume(run: AncatRun) -> None:
    file = run.folder / "run.pt"
    if not file.exists():
        return
    kept = torch.load(file, weights_only=True)
    for name, tensor in trained_tensors(run.model).items():
        tensor.copy_(kept["trained"][name])
        run.average[name].copy_(kept["average"][name])
    run.ctc.load_state_dict(kept["ctc"])
    run.optimizer.load_state_dict(kept["optimiser"])
    run.step, run.cpu, run.sound = kept["step"], kept["cpu"], kept["sound"]


def save_run(run: AncatRun) -> None:
    """Write the run, so that a stop at any moment loses only the steps since."""
    run.folder.mkdir(parents=True, exist_ok=True)
    state = {
        "trained": trained_tensors(run.model),
        "average": run.average,
        "ctc": run.ctc.state_dict(),
        "optimiser": run.optimizer.state_dict(),
        "step": run.step,
        "cpu": run.cpu,
        "sound": run.sound,
    }
    save_state(run.folder / "run.pt", state)
    about: About = {
        "step": run.step,
        "seed": run.config.seed,
        "late": run.config.late,
        "cpu_hours": round(run.cpu / 3600, 3),
        "sound_hours": round(run.sound / 3600, 2),
    }
    save_ancat(run.config.model, run.average, run.folder / WEIGHTS, about)


def update_average(run: AncatRun) -> None:
    """Move the average toward the weights."""
    weight = min(run.config.average, run.step / (run.step + 10))
    for name, tensor in trained_tensors(run.model).items():
        run.average[name].lerp_(tensor, 1 - weight)


def averaged(run: AncatRun) -> Ancat:
    """Return a model with the smoothed weights, in evaluation mode."""
    model = build_ancat(run.config.model, run.average, run.model.front, run.folder)
    return model.eval()


def _pools(config: AncatTrainingConfig, clips: SpeechClips) -> dict[str, list[SpelledClip]]:
    """Return the clips of each engine that can be spelled in letters and are short enough."""
    pools: dict[str, list[SpelledClip]] = {engine: [] for engine, _ in config.engines}
    ends = letter_times.read(clips.folder / "ends.jsonl")
    for clip in clips.all:
        if clip.engine not in pools or clip.count > config.longest * RATE:
            continue
        try:
            units = to_units(clip.text)
        except ValueError:
            continue  # a digit, or a letter of another language
        unit_times = letter_times.times(clip.text, ends.get(clip.path))
        pools[clip.engine].append(SpelledClip(clip, tuple(units), unit_times))
    return pools


def draw_clip(run: AncatRun, rng: np.random.Generator) -> SpelledClip:
    names, shares = zip(*run.config.engines, strict=True)
    odds = np.array(shares) / sum(shares)
    pool = run.pools[names[rng.choice(len(names), p=odds)]]
    return pool[rng.integers(len(pool))]
