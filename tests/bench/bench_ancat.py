"""Word errors of adaptive transducers against how far they look ahead, for the runs there are.

`python -m tests.bench.bench_ancat FOLDER/* --clips PACKED` prints one row for each run of
`models.training.ancat.train`: word errors on clips of engines that no run learnt from, with their
95 % bootstrap interval, the mean and 95th percentile of look-ahead, and how long the run learnt.
A frame itself adds 40 ms, and the convolutions and the mel filters 22.5 ms, to every row. With
`--speech FOLDER` the clips are those of a manifest.jsonl instead. A run with a shared
beginning has a row for each of its modes. Whether a shorter look-ahead is paid for in
errors can only be read from rows with equal hours.

Looking ahead is one thing, writing late another: a transducer may wait though it has heard
enough. `--follow N` streams N clips as they would come, and adds from where a word ends in the
sound (as Whisper base aligns the known text) to what was heard when it was committed, and the
CPU time of a second of sound. With `--letters FILE` and a beam of 2 or more, a letter model of text
(`models.training.ancat.letter_counts`) chooses between drafts.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from models.asr.ancat import letter_model
from models.asr.ancat.encoder import encoder_in_torch
from models.asr.ancat.loading import About, load_ancat
from models.asr.ancat.network import AncatConfig, Mode
from models.asr.ancat.search import ShallowFusion
from models.asr.ancat.stream import AncatStream, AncatStreamConfig
from models.asr.ancat.transducer_networks import transducer_in_torch
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.asr.whisper.mel import Samples
from models.asr.words import RATE
from models.training.ancat.run import WEIGHTS, AncatTrainingConfig
from models.training.ancat.score import ClipScores, score_clips
from models.training.asr import clips
from models.training.asr.clips import read_sound
from models.training.asr.scoring import WordErrors
from tests.bench.captions_scoring import follow, interval, word_ends

Pair = tuple[Samples, str]
HEAD = (
    "| run | WER % | 95 % | S/D/I | look-ahead mean / p95 s | learnt: steps, h of speech, CPU h "
    "| delay p50 / p95 s | CPU-s per s |\n|---|---|---|---|---|---|---|---|"
)
LONGEST = 28 * RATE  # samples: the window is 30 s, with the silence after the clip


def held_out(folder: Path, engines: tuple[str, ...]) -> list[Pair]:
    packed = clips.load_clips(folder)
    chosen = [clip for clip in packed.all if clip.engine in engines and clip.count <= LONGEST]
    return [(packed.samples(clip), clip.text) for clip in chosen]


def of_manifest(folder: Path) -> list[Pair]:
    pairs = []
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        sound = read_sound(folder / entry["path"])
        if len(sound) <= LONGEST:
            pairs.append((sound.astype(np.float32) / np.float32(32768), entry["text"]))
    return pairs


def row(name: str, result: ClipScores, about: About) -> str:
    low, high = interval(result.each, lambda each: share(sum(each, WordErrors())))
    learnt = f"{about['step']}, {about['sound_hours']}, {about['cpu_hours']}"
    split = "/".join(str(count) for count in result.total.split)
    return (
        f"| {name} | {share(result.total):.1f} | {low:.1f} to {high:.1f} | {split} "
        f"| {result.mean:.2f} / {result.p95:.2f} | {learnt}"
    )


def followed(stream: AncatStream, aligner: WhisperModel, pairs: list[Pair]) -> str:
    """Return the columns of a stream: delay of committed words, and cost."""
    delays, cost, seconds = list[float](), 0.0, 0.0
    for samples, text in pairs:
        one = follow(stream, samples, word_ends(aligner, samples, text))
        delays += one.committed
        cost, seconds = cost + one.cost, seconds + one.seconds
    if not delays:
        return f"no word was right | {cost / seconds:.2f}"
    p50, p95 = np.percentile(delays, [50, 95])
    return f"{p50:.2f} / {p95:.2f} | {cost / seconds:.2f}"


def share(score: WordErrors) -> float:
    return 100 * score.errors / max(1, score.words)


def modes(run: Path, mode: Mode) -> tuple[Mode, ...]:
    """Return the modes that a run can be read in."""
    config = run / "config.json"
    if config.exists() and json.loads(config.read_text())["shared"]:
        return ("causal", "fixed", "full")
    return (mode,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--clips", type=Path, help="folder of packed clips")
    parser.add_argument("--speech", type=Path, help="folder with a manifest.jsonl")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--limit", type=int, default=10_000, help="clips to read")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--follow", type=int, default=0, help="clips to stream too, for delays")
    parser.add_argument("--letters", type=Path, help="letter model; takes a beam of 2 or more")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if (given.clips is None) == (given.speech is None):
        parser.error("give either --clips or --speech")
    engines = AncatTrainingConfig(model=AncatConfig()).held_out
    pairs = of_manifest(given.speech) if given.speech else held_out(given.clips, engines)
    pairs = pairs[: given.limit]
    seconds = sum(len(samples) for samples, _ in pairs) / RATE
    print(f"{len(pairs)} clips, {seconds:.0f} s, beam {given.beam}\n")
    print(HEAD)
    fusion = ShallowFusion(letter_model=letter_model.load(given.letters)) if given.letters else None
    aligner = load_whisper("base", given.weights) if given.follow else None
    for run in given.runs:
        file = run / WEIGHTS
        if not file.exists():
            print(f"| {run.name} | no weights yet | | | | | | |")
            continue
        model, about = load_ancat(file, given.weights)
        for mode in modes(run, model.config.mode):
            result = score_clips(model, pairs, mode=mode, beam=given.beam, fusion=fusion)
            name = run.name if mode == model.config.mode else f"{run.name}, {mode}"
            streamed = " | "
            if aligner is not None and mode == model.config.mode != "full":
                stream = AncatStream(
                    encoder_in_torch(model),
                    transducer_in_torch(model.transducer),
                    AncatStreamConfig(beam=given.beam),
                    fusion,
                )
                streamed = followed(stream, aligner, pairs[: given.follow])
            print(f"{row(name, result, about)} | {streamed} |", flush=True)


if __name__ == "__main__":
    main()
