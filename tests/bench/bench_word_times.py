"""Words and their times in long talks, beside a forced alignment by another system.

    python -m tests.bench.bench_word_times --speech FOLDER --models tiny.en base

A talk is made of clips of FOLDER with pauses between them. PocketSphinx aligns each clip with its
text; clips with words that it does not know are left out. "off" are starts or ends of the words
found that are more than 0.2 s from the alignment. `--live` asks LocalAgreement, at the pace of
speech, instead of the offline method. `--worst N` prints the words that are furthest off.
"""

import argparse
import difflib
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx
import torch
from numpy.typing import NDArray

from models.asr.offline.transcription import transcribe
from models.asr.streaming.agreement_window import LocalAgreementConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import load_whisper
from models.asr.words import RATE
from tests.bench.bench_asr import SpeechClip, plain, read_clips
from tests.models.asr.turns import ARRIVALS

PAUSES = (0.1, 0.3, 0.7, 1.5, 3.0, 8.0)  # seconds between two clips
HISS = 2e-4  # level of the noise over all of a talk
ALLOWED = 0.2  # seconds

Samples = NDArray[np.float32]
Placed = list[tuple[str, float, float]]  # words with their starts and ends in seconds


def forced_alignment(clip: SpeechClip) -> Placed:
    """Return the words of `clip`, or none if PocketSphinx does not know or find them."""
    decoder: Any = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")
    words = [word for each in clip.text.replace("-", " ").lower().split() if (word := plain(each))]
    if any(decoder.lookup_word(word) is None for word in words):
        return []
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    raw = (np.clip(clip.samples, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()
    segments = [
        (segment.word.split("(")[0], segment.start_frame / 100, (segment.end_frame + 1) / 100)
        for segment in decoder.seg() or ()
        if not segment.word.startswith(("<", "["))
    ]
    return segments if [word for word, _, _ in segments] == words else []


def make_talk(
    clips: list[tuple[SpeechClip, Placed]], rng: random.Random, seconds: float
) -> tuple[Samples, Placed]:
    """Return a talk of about so many seconds, and its words."""
    parts, placed, place = [np.zeros(RATE, np.float32)], Placed(), 1.0
    while place < seconds:
        clip, words = rng.choice(clips)
        placed += [(word, place + start, place + end) for word, start, end in words]
        parts += [clip.samples, np.zeros(round(rng.choice(PAUSES) * RATE), np.float32)]
        place = sum(map(len, parts)) / RATE
    noise = np.random.default_rng(0).standard_normal(sum(map(len, parts))) * HISS
    return (np.concatenate(parts) + noise).astype(np.float32), placed


def errors(found: Placed, placed: Placed) -> list[tuple[float, str, float]]:
    """Return how far starts and ends of the words in both are apart, the words and their places."""
    matcher = difflib.SequenceMatcher(
        None, [plain(word) for word, _, _ in found], [word for word, _, _ in placed], False
    )
    return [
        (one[edge] - other[edge], one[0], one[edge])  # type: ignore[operator,misc]  # 1 and 2
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
        for one, other in [(found[block.a + i], placed[block.b + i])]
        for edge in (1, 2)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=Path(__file__).parents[1] / "data/speech")
    parser.add_argument("--models", nargs="+", default=["tiny.en"])
    parser.add_argument("--talks", type=int, default=4)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector = load_silero(options.weights)
    clips = [(clip, forced_alignment(clip)) for clip in read_clips(options.speech, None)]
    clips = [(clip, words) for clip, words in clips if words]
    rng = random.Random(0)
    talks = [make_talk(clips, rng, options.seconds) for _ in range(options.talks)]
    sys.stdout.write("| model | words | not found | median s | p95 s | max s | off % |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    for name in options.models:
        model = load_whisper(name, options.weights, threads=1)
        config = DecodeConfig(language="en")
        live = LocalAgreement(model, detector, LocalAgreementConfig(language="en"))
        off: list[tuple[float, str, float]] = []
        for samples, placed in talks:
            words = (
                ARRIVALS["at pace"](live, samples)
                if options.live
                else transcribe(model, detector, samples, config=config)
            )
            found = [(word.text, word.start / RATE, word.end / RATE) for word in words]
            off += errors(found, placed)
        apart = [seconds for seconds, _, _ in off]
        count, size = sum(len(placed) for _, placed in talks), np.abs(apart)
        sys.stdout.write(
            f"| {name} | {count} | {count - len(apart) // 2} | {np.median(apart):+.2f} "
            f"| {np.percentile(size, 95):.2f} | {size.max():.2f} "
            f"| {100 * np.mean(size > ALLOWED):.1f} |\n"
        )
        off.sort(key=lambda each: -abs(each[0]))
        for seconds, word, place in off[: options.worst]:
            sys.stdout.write(f"  {word.strip()} at {place:.2f} s: {seconds:+.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
