"""A training run of adapters: its configuration, its state, saving and resuming."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models import lora
from models.asr.streaming.causal_loading import CausalModel, assemble_causal
from models.asr.whisper.loading import load_tokenizer, load_whisper, open_checkpoint
from models.asr.whisper.whisper import Whisper
from models.training.asr.clips import SpeechClip, SpeechClips, load_clips
from models.training.asr.word_ends import WordEnds
from models.training.process import save_state


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterTrainingConfig:
    """How to train. `chunks` are frames of 20 ms with their odds; 0 is the whole item at once.

    `aligner` is the model that aligns word ends. An utterance is aligned when it is first drawn; to
    spread this out, the first step draws from `pool` utterances, each later one from `growth` more.
    A word is queried `margin` frames after its end. A share `prompted` of the items starts in the
    middle of speech, with the text before as a prompt of at most `prompt` tokens. `distil` is the
    weight of the distance to the unchanged encoder; `early` and `late` are the weights of early and
    late queries. A moving average of the adapters is kept: `average` of the last one, the rest of
    the new. The rate rises for `warmup` steps, stays, and falls linearly from step `hold` to 0 at
    step `end`.
    """

    model: str = "tiny.en"
    aligner: str = "base"
    rank: int = 32
    feed_forward: bool = True
    seed: int = 1
    rate: float = 4e-4
    warmup: int = 30
    hold: int = 430
    end: int = 760
    seconds: tuple[int, ...] = (5, 7, 10, 13, 20)
    batch_seconds: int = 40
    chunks: tuple[tuple[int, float], ...] = ((5, 0.2), (15, 0.55), (50, 0.25))
    engines: tuple[tuple[str, float], ...] = (
        ("hibari", 0.45),
        ("pico", 0.2),
        ("flite", 0.15),
        ("piper", 0.2),
    )
    held_out: tuple[str, ...] = ("kokoro", "festival")
    validation: int = 30
    margin: int = 12
    prompted: float = 0.25
    prompt: int = 48
    pool: int = 300
    growth: int = 1
    distil: float = 1.0
    early: float = 0.7
    late: float = 0.5
    average: float = 0.985


@dataclass(eq=False)
class AdapterRun:
    """The state of a run.

    `network` is trained, and `student` runs it. `average` are the smoothed adapters that are kept.
    """

    config: AdapterTrainingConfig
    folder: Path
    network: Whisper
    student: CausalModel
    teacher: Whisper
    clips: SpeechClips
    ends: WordEnds
    trained: list[nn.Parameter]
    names: tuple[str, ...]
    optimizer: torch.optim.AdamW
    average: list[Tensor]
    pools: dict[str, list[SpeechClip]]
    device: torch.device
    step: int = 0
    cpu: float = 0.0


def open_run(
    config: AdapterTrainingConfig,
    clips: Path,
    folder: Path,
    weights: Path,
    device: torch.device | None = None,
) -> AdapterRun:
    """Return the run in `folder`, resumed or new; it trains on `device`, by default the CPU."""
    device = device or torch.device("cpu")
    checkpoint = open_checkpoint(config.model, weights)
    network = checkpoint.build()
    teacher = copy.deepcopy(network)
    rng = torch.Generator().manual_seed(config.seed)
    layers = network.projections(feed_forward=config.feed_forward)
    adapter = lora.attach(layers, rank=config.rank, alpha=config.rank, rng=rng)
    trained = list(adapter.values())
    network.to(device)
    optimizer = torch.optim.AdamW(trained, lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0)
    loaded = load_clips(clips)
    aligner = load_whisper(config.aligner, weights)
    run = AdapterRun(
        config=config,
        folder=folder,
        network=network,
        student=assemble_causal(
            config.model,
            checkpoint.config,
            checkpoint.heads(),
            load_tokenizer(checkpoint, weights),
            lambda: network,
            checkpoint.digest,
        ),
        teacher=teacher.to(device),
        clips=loaded,
        ends=WordEnds(loaded, aligner, clips / "ends.jsonl"),
        trained=trained,
        names=tuple(adapter),
        optimizer=optimizer,
        average=[parameter.detach().clone() for parameter in trained],
        pools=_pools(config, loaded),
        device=device,
    )
    file = folder / "run.pt"
    if file.exists():
        kept = torch.load(file, weights_only=True, map_location=device)
        _load(trained, kept["trained"])
        for mean, value in zip(run.average, kept["average"], strict=True):
            mean.copy_(value)
        optimizer.load_state_dict(kept["optimiser"])
        for group in optimizer.param_groups:
            group["lr"] = config.rate
        run.step, run.cpu = kept["step"], kept["cpu"]
    return run


def _pools(config: AdapterTrainingConfig, clips: SpeechClips) -> dict[str, list[SpeechClip]]:
    """Return the clips of each engine to train on, in the order of the seed."""
    rng = np.random.default_rng(config.seed)
    pools = {}
    for engine, _ in config.engines:
        own = [clip for clip in clips.all if clip.engine == engine]
        pools[engine] = [own[i] for i in rng.permutation(len(own))]
    return pools


def save_run(run: AdapterRun) -> None:
    """Save the run; a stop at any moment loses only later steps."""
    run.folder.mkdir(parents=True, exist_ok=True)
    state = {
        "trained": [parameter.data for parameter in run.trained],
        "average": run.average,
        "optimiser": run.optimizer.state_dict(),
        "step": run.step,
        "cpu": run.cpu,
    }
    save_state(run.folder / "run.pt", state)
    about: lora.Notes = {
        "model": run.config.model,
        "step": run.step,
        "seed": run.config.seed,
    }
    adapter = dict(zip(run.names, run.average, strict=True))
    lora.save(adapter, run.folder / "adapter.safetensors", lora.metadata(about, scale=1.0))


@contextmanager
def averaged(run: AdapterRun) -> Iterator[None]:
    """Within the block, the model has the smoothed adapters, and is on the CPU, as when it runs."""
    own = [parameter.data.clone() for parameter in run.trained]
    _load(run.trained, run.average)
    run.network.to("cpu")
    try:
        yield
    finally:
        run.network.to(run.device)
        _load(run.trained, own)


def _load(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.data.copy_(value)
