"""Word errors, delay and cost of our recognizer beside faster-whisper on the same weights.

    python -m tests.bench.bench_asr --speech FOLDER --models tiny.en base

FOLDER holds sound files and a manifest.jsonl with `path` and `text`. Both run on one thread with
the same beam: ours in the engines of the service, or in PyTorch with --backend torch; the peer in
float32 and int8. The streamed peer is whisper_streaming's method (Machacek et al.
2023) on faster-whisper. A word's delay is from its end, as faster-whisper's offline alignment
with the last of the models has it, to the sound heard when it was committed, in media time;
words committed at the end of a clip are not counted.
"""

import argparse
import difflib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import av
import jiwer
import numpy as np
import torch
from faster_whisper import WhisperModel as FasterWhisper
from numpy.typing import NDArray
from whisper_normalizer.english import EnglishTextNormalizer

from models.asr.offline.transcription import transcribe
from models.asr.streaming.agreement_window import LocalAgreementConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import SileroVad, load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.asr.words import RATE, TranscriptUpdate
from models.weights.fetch import fetch_weights
from tests.bench.whisper_streaming import WhisperStreaming
from web.config import Settings
from web.loading.engines import stored_engines

HERE = Path(__file__).parent
CHUNK = RATE // 10  # samples handed to a stream at once

Samples = NDArray[np.float32]
Piece = tuple[list[str], float]  # words, and the seconds of sound after which they were known


@dataclass(frozen=True)
class SpeechClip:
    path: str
    text: str
    samples: Samples

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


@dataclass
class WordErrors:
    """What one system did with all clips."""

    name: str
    texts: list[str] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def read_clips(folder: Path, limit: int | None) -> list[SpeechClip]:
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    step = max(1, len(rows) // limit) if limit else 1
    return [SpeechClip(r["path"], r["text"], decode(folder / r["path"])) for r in rows[::step]]


def decode(file: Path) -> Samples:
    with av.open(str(file)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def peer_model(name: str, folder: Path, scratch: Path, compute: str) -> FasterWhisper:
    """Give faster-whisper the same files, and the vocabulary.txt that it wants beside them."""
    home = fetch_weights(name, folder)
    view = scratch / f"{name}-{compute}"
    view.mkdir()
    for file in home.iterdir():
        (view / file.name).symlink_to(file.resolve())
    table = json.loads((home / "tokenizer.json").read_text())
    tokens = {number: token for token, number in table["model"]["vocab"].items()}
    tokens |= {added["id"]: added["content"] for added in table["added_tokens"]}
    lines = [tokens[number] for number in range(len(tokens))]
    lines += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    (view / "vocabulary.txt").write_text("\n".join(lines) + "\n")
    return FasterWhisper(str(view), device="cpu", compute_type=compute, cpu_threads=1)


def stream(recognizer: LocalAgreement, samples: Samples) -> list[Piece]:
    """Return words and the sound heard when they were committed; the last ones at infinity."""
    state = recognizer.init_state()
    pieces: list[Piece] = []
    for start in range(0, len(samples), CHUNK):
        state, news = recognizer.step(state, samples[start : start + CHUNK])
        pieces += [(texts(heard), heard.position / RATE) for heard in news]
    return pieces + [(texts(heard), float("inf")) for heard in recognizer.flush(state)]


def texts(heard: TranscriptUpdate) -> list[str]:
    return [word.text for word in heard.committed]


def delays(pieces: list[Piece], reference: list[Piece]) -> list[float]:
    """Return the delay of each streamed word that the reference has too."""
    found, ends = flat(pieces), flat(reference)
    matcher = difflib.SequenceMatcher(None, [w for w, _ in found], [w for w, _ in ends], False)
    return [
        found[block.a + i][1] - ends[block.b + i][1]
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
        if found[block.a + i][1] != float("inf")
    ]


def flat(pieces: list[Piece]) -> list[tuple[str, float]]:
    return [(plain(word), at) for words, at in pieces for word in words if plain(word)]


def plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def measure(score: WordErrors, clip: SpeechClip, run: Callable[[], list[Piece]]) -> list[Piece]:
    """Run one clip, and note its text and its cost."""
    started = time.process_time()
    pieces = run()
    score.costs.append((time.process_time() - started) / clip.seconds)
    score.texts.append("".join(word for words, _ in pieces for word in words))
    return pieces


def peer_offline(peer: FasterWhisper, samples: Samples, beam: int) -> list[Piece]:
    """Return each word with its end."""
    segments, _ = peer.transcribe(samples, language="en", beam_size=beam, word_timestamps=True)
    return [([word.word], word.end) for segment in segments for word in segment.words or ()]


def our_offline(
    ours: WhisperModel, detector: SileroVad, samples: Samples, beam: int
) -> list[Piece]:
    words = transcribe(ours, detector, samples, config=DecodeConfig(beam=beam, language="en"))
    return [([word.text], word.end / RATE) for word in words]


def bench_offline(
    ours: WhisperModel,
    detector: SileroVad,
    peers: dict[str, FasterWhisper],
    clips: list[SpeechClip],
    beam: int,
) -> tuple[list[WordErrors], list[list[Piece]]]:
    """Return all scores, and the first peer's words with their ends for each clip."""
    mine = WordErrors(f"{ours.name} offline, eyeline")
    theirs = {name: WordErrors(f"{ours.name} offline, faster-whisper {name}") for name in peers}
    references = []
    for clip in clips:
        measure(mine, clip, partial(our_offline, ours, detector, clip.samples, beam))
        pieces = [
            measure(theirs[name], clip, partial(peer_offline, peer, clip.samples, beam))
            for name, peer in peers.items()
        ]
        references.append(pieces[0])
    return [mine, *theirs.values()], references


def bench_streamed(
    ours: WhisperModel,
    detector: SileroVad,
    peer: FasterWhisper,
    clips: list[SpeechClip],
    references: list[list[Piece]],
    interval: float,
) -> list[WordErrors]:
    mine = WordErrors(f"{ours.name} streamed, eyeline")
    theirs = WordErrors(f"{ours.name} streamed, whisper_streaming on faster-whisper")
    recognizer = LocalAgreement(ours, detector, LocalAgreementConfig(interval=interval))
    for clip, reference in zip(clips, references, strict=True):
        pieces = measure(mine, clip, partial(stream, recognizer, clip.samples))
        mine.delays += delays(pieces, reference)
        other = WhisperStreaming(peer, interval)
        pieces = measure(theirs, clip, partial(other.stream, clip.samples))
        theirs.delays += delays(pieces, reference)
    return [mine, theirs]


def report(score: WordErrors, clips: list[SpeechClip]) -> str:
    normalize = EnglishTextNormalizer()
    pairs = [(normalize(c.text), normalize(t)) for c, t in zip(clips, score.texts, strict=True)]
    errors = jiwer.process_words([r for r, _ in pairs], [h for _, h in pairs])
    counts = f"{errors.substitutions}/{errors.deletions}/{errors.insertions}"
    ranked = sorted(score.delays)
    p50, p95 = (f"{ranked[int(len(ranked) * q)]:.2f}" if ranked else "" for q in (0.5, 0.95))
    total = sum(cost * c.seconds for cost, c in zip(score.costs, clips, strict=True))
    mean = total / sum(clip.seconds for clip in clips)
    return (
        f"| {score.name} | {100 * errors.wer:.2f} | {counts} | {p50} | {p95} "
        f"| {statistics.median(score.costs):.2f} | {mean:.2f} |\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=HERE.parent / "data" / "speech")
    parser.add_argument("--models", nargs="+", default=["tiny.en", "base"])
    parser.add_argument("--limit", type=int, help="about so many clips, spread over the manifest")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--interval", type=float, default=LocalAgreementConfig().interval)
    parser.add_argument("--only", choices=["offline", "streamed"], help="leave out the other")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--backend", choices=["onnxruntime", "torch"], default="onnxruntime")
    parser.add_argument("--peer", nargs="+", default=["float32", "int8"], help="compute types")
    options = parser.parse_args()
    detector = load_silero(options.weights)
    clips = read_clips(options.speech, options.limit)
    torch.set_num_threads(1)
    out = sys.stdout
    out.write(f"{len(clips)} clips, {sum(clip.seconds for clip in clips):.0f} s of speech\n\n")
    out.write("| system | WER % | S/D/I | delay p50 s | p95 s | CPU-s per s, median | mean |\n")
    out.write("|---|---|---|---|---|---|---|\n")
    settings = Settings(threads=1, backend=options.backend)
    with tempfile.TemporaryDirectory() as scratch, stored_engines(settings) as load_engine:
        for name in options.models:
            ours = load_whisper(name, options.weights, load_engine, threads=1)
            peers = {
                kind: peer_model(name, options.weights, Path(scratch), kind)
                for kind in options.peer
            }
            scores, references = bench_offline(ours, detector, peers, clips, options.beam)
            if options.only != "offline":
                peer = peers[options.peer[0]]
                scores += bench_streamed(ours, detector, peer, clips, references, options.interval)
            out.writelines(report(score, clips) for score in scores)
            out.flush()


if __name__ == "__main__":
    main()
