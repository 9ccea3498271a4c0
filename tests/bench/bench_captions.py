"""Ways to caption a stream, side by side on the same weights and clips, one thread each.

    python -m tests.bench.bench_captions --speech FOLDER --limit 40

FOLDER holds sound files and a manifest.jsonl with `path` and `text`; with `--continuous` its
clips are one stream of that many minutes of continuous speech, to see whether delay, cost or
memory grow. `captions_scoring` explains the columns.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jiwer
import numpy as np
import psutil
import torch

from models.asr.ancat.loading import load_shipped
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.transcription import transcribe
from models.asr.streaming.causal_loading import CHUNK_FRAMES, make_causal
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import load_silero
from models.asr.whisper.loading import load_whisper
from models.asr.words import RATE, RecognizedWord, join_words
from models.training.asr.scoring import NORMAL, WordErrors, score
from tests.bench.align_att import AlignAtt
from tests.bench.bench_asr import HERE, SpeechClip, read_clips
from tests.bench.captions_scoring import (
    CHUNK,
    Followed,
    Placed,
    Stream,
    follow,
    interval,
    word_ends,
)
from tests.bench.pocketsphinx_baseline import PocketSphinxStream

Hear = Callable[[SpeechClip, Placed], Followed]
HEAD = (
    "| {group} | WER % (95 %) | S/D/I | shown p50 / p95 s | with compute | committed | "
    "taken back % | CPU-s per s |\n|---|---|---|---|---|---|---|---|\n"
)


def systems(name: str, folder: Path, adapter: Path | None) -> dict[str, Hear]:
    """Load and return the systems to measure."""
    offline = load_whisper(name, folder, threads=1)
    made = make_causal(offline, adapter=adapter)
    detector = load_silero(folder)
    streams: dict[str, Stream] = {
        f"causal {ms} ms": CausalStream(made, CausalStreamConfig(chunk=chunk))
        for ms, chunk in CHUNK_FRAMES.items()
    }
    streams |= {
        "causal 300 ms, beam 3": CausalStream(made, CausalStreamConfig(beam=3)),
        "LocalAgreement-2, 1 s": LocalAgreement(offline, detector),
        "ANCAT, beam 8 and letters": load_shipped(folder),
        "AlignAtt, 300 ms": AlignAtt(offline, interval=0.3),
        "AlignAtt, 1 s": AlignAtt(offline, interval=1.0),
        "pocketsphinx": PocketSphinxStream(),
    }
    found: dict[str, Hear] = {
        "offline, beam 5": lambda clip, _: whole(clip, lambda s: transcribe(offline, detector, s)),
        "final pass": lambda clip, _: whole(clip, WhisperFinalPass(offline, detector).transcribe),
    }
    found |= {label: followed(stream) for label, stream in streams.items()}
    found["causal 300 ms, then final pass"] = two_passes(
        streams["causal 300 ms"], WhisperFinalPass(offline, detector)
    )
    return found


def whole(clip: SpeechClip, hear: Callable[[np.ndarray], Sequence[RecognizedWord]]) -> Followed:
    began = time.process_time()
    text = join_words(list(hear(clip.samples)))
    return Followed(text, time.process_time() - began, clip.seconds, words=len(text.split()))


def followed(stream: Stream) -> Hear:
    return lambda clip, ends: follow(stream, clip.samples, ends)


def two_passes(stream: Stream, final: WhisperFinalPass) -> Hear:
    """Return the recognizer of a session; its final text may still change streamed words."""

    def hear(clip: SpeechClip, ends: Placed) -> Followed:
        done = follow(stream, clip.samples, ends)
        began = time.process_time()
        text = join_words(final.transcribe(clip.samples))
        done.cost += time.process_time() - began
        changed = jiwer.process_words(NORMAL(done.text) or "-", NORMAL(text) or "-")
        done.revised += changed.substitutions + changed.deletions
        done.text = text
        return done

    return hear


def row(label: str, clips: Sequence[SpeechClip], found: Sequence[Followed]) -> str:
    scores = [score(clip.text, one.text) for clip, one in zip(clips, found, strict=True)]
    total = sum(scores, WordErrors())
    low, high = interval(scores, lambda drawn: wer(sum(drawn, WordErrors())))
    words = max(1, sum(one.words for one in found))
    cost = sum(one.cost for one in found) / sum(one.seconds for one in found)
    revised = 100 * sum(one.revised for one in found) / words
    delays = " | ".join(
        percentiles([at for one in found for at in getattr(one, kind)])
        for kind in ("shown", "real", "committed")
    )
    split = "/".join(map(str, total.split))
    return (
        f"| {label} | {wer(total):.1f} ({low:.1f} to {high:.1f}) | {split} | {delays} "
        f"| {revised:.1f} | {cost:.2f} |\n"
    )


def wer(total: WordErrors) -> float:
    return 100 * total.errors / max(1, total.words)


def percentiles(values: Sequence[float]) -> str:
    if not values:
        return ""
    return " / ".join(f"{v:.2f}" for v in np.percentile(values, [50, 95]))


def continuous(stream: CausalStream, clips: Sequence[SpeechClip], minutes: float) -> None:
    """Print the cost of each five minutes of continuous speech."""
    sys.stdout.write(
        "| minutes | lag p50 / p95 s | CPU-s per s | resident MiB |\n|---|---|---|---|\n"
    )
    state, position, used, lags = stream.init_state(), 0, time.process_time(), list[float]()
    sound = itertools.chain.from_iterable(
        np.split(clip.samples, range(CHUNK, len(clip.samples), CHUNK))
        for clip in itertools.cycle(clips)
    )
    mark = five = 300 * RATE
    while position < minutes * 60 * RATE:
        chunk = next(sound)
        position += len(chunk)
        began = time.process_time()
        state, heard = stream.step(state, chunk)
        spent = time.process_time() - began
        # How old the newest sound is that a caption knows of, once it is computed.
        lags += [(position - news.position) / RATE + spent for news in heard]
        if position >= mark:
            cost = (time.process_time() - used) / (five / RATE)
            resident = psutil.Process().memory_info().rss / 2**20
            line = (
                f"| {mark / RATE / 60:.0f} | {percentiles(lags)} | {cost:.2f} | {resident:.0f} |\n"
            )
            sys.stdout.write(line)
            sys.stdout.flush()
            mark, used, lags = mark + five, time.process_time(), []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=HERE.parent / "data" / "speech")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--adapter", type=Path, help="another than the one that is shipped")
    parser.add_argument("--limit", type=int, help="about so many clips of each group")
    parser.add_argument("--only", nargs="*", help="names of systems; default all")
    parser.add_argument("--continuous", type=float, metavar="MINUTES")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    clips = read_clips(given.speech, None)
    if given.continuous:
        made = make_causal(
            load_whisper(given.model, given.weights, threads=1), adapter=given.adapter
        )
        continuous(CausalStream(made), clips, given.continuous)
        return
    aligner = load_whisper("base", given.weights, threads=1)
    measured = systems(given.model, given.weights, given.adapter)
    prompts = [clip for clip in clips if clip.path.startswith("ast-")]
    others = [clip for clip in clips if not clip.path.startswith("ast-")]
    for name, group in (("telephone prompts", prompts), ("other speech", others)):
        chosen = group[:: max(1, len(group) // given.limit)] if given.limit else group
        ends = [word_ends(aligner, clip.samples, clip.text) for clip in chosen]
        seconds = sum(clip.seconds for clip in chosen)
        head = f"{name}: {len(chosen)} clips, {seconds:.0f} s"
        sys.stdout.write("\n" + HEAD.format(group=head))
        for label, hear in measured.items():
            if given.only is None or label in given.only:
                found = [hear(clip, placed) for clip, placed in zip(chosen, ends, strict=True)]
                sys.stdout.write(row(label, chosen, found))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
