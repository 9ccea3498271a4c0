"""Sentences that recognizers lose in turns of several clips, by how the sound arrives.

    python -m tests.bench.bench_turns --turns 24 --seed 0
    python -m tests.bench.bench_turns --pause 0.2

The first draws turns of two to four clips of FOLDER (a manifest.jsonl with `path` and `text`), the
second takes every pair. A sentence is lost if three words in a row have nothing in their place.
"""

import argparse
import sys
from pathlib import Path

import torch

from models.asr.ancat.loading import load_shipped
from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.streaming.causal_loading import make_causal
from models.asr.streaming.causal_stream import CausalStream
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import load_silero
from models.asr.whisper.loading import load_whisper
from models.asr.words import join_words
from models.training.asr.scoring import WordErrors, score
from tests.bench.bench_asr import read_clips
from tests.models.asr.turns import ARRIVALS, Recognizer, drawn, lost_in_a_row, pairs
from tests.paths import SPEECH, WEIGHTS

SENTENCE = 3  # words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--turns", type=int, help="so many drawn turns; default all pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    clips = [(clip.path, clip.text, clip.samples) for clip in read_clips(given.speech, None)]
    turns = drawn(clips, given.turns, given.seed) if given.turns else pairs(clips, given.pause)
    whisper, detector = load_whisper("tiny.en", WEIGHTS, threads=1), load_silero(WEIGHTS)
    final = WhisperFinalPass(whisper, detector)
    recognizers: dict[str, Recognizer] = {
        "local agreement": LocalAgreement(whisper, detector),
        "causal 300 ms": CausalStream(make_causal(whisper)),
        "ANCAT": load_shipped(WEIGHTS),
    }
    totals: dict[str, tuple[WordErrors, int]] = {}
    for turn in turns:
        found = {"final pass": final.transcribe(turn.samples)}
        for name, recognizer in recognizers.items():
            for arrival, recognize in ARRIVALS.items():
                found[f"{name}, {arrival}"] = recognize(recognizer, turn.samples)
        for name, words in found.items():
            text = join_words(list(words))
            lost = lost_in_a_row(turn.text, words) >= SENTENCE
            if lost:
                sys.stdout.write(f"{turn.name}: {name} lost a sentence: {text}\n")
            errors, count = totals.get(name, (WordErrors(), 0))
            totals[name] = sum([errors, score(turn.text, text)], WordErrors()), count + lost
    sys.stdout.write("\n| | WER % | S/D/I | sentences lost |\n|---|---|---|---|\n")
    for name, (errors, count) in totals.items():
        wer = 100 * errors.errors / max(1, errors.words)
        split = "/".join(map(str, errors.split))
        sys.stdout.write(f"| {name} | {wer:.1f} | {split} | {count} |\n")


if __name__ == "__main__":
    main()
