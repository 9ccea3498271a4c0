"""What interrupts the service while it speaks with `semantic_vad`, and after how long.

    python -m tests.bench.bench_interruptions --engine hibari --engine pico

Brief phrases are said in two ways each. The time counts from the first speech to the decision,
without the pass that recognizes the words. The first row is the rule without early looks: the
length of the speech, and the words at its pause. `pico` needs `pip install py-nanotts`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from media.pipeline.hearing.backchannels import (
    EARLY,
    INTERRUPTION,
    interrupts_early,
    is_backchannel,
)
from media.pipeline.interfaces import Samples
from models.asr.speech_activity import FRAME
from models.asr.words import RATE, join_words
from models.training.asr.voices import ENGINES
from models.training.turn_end.points import PEEK, QUIET, SILENT, PointFinder
from web.config import read_settings
from web.loading.engines import stored_engines

BACKCHANNELS = """
yes / mhm / okay / right / I see / hm / uh / um / yeah / uh huh / mm hmm / sure / great /
really / oh / cool / got it / of course / nice / exactly / thank you / all right / yeah yeah /
wow / good / fine / interesting / oh okay / yep / ah
"""
INTERRUPTIONS = """
stop / wait / no / what was that? / can you repeat that? / hold on / no wait /
stop it please / what? / that is wrong / tell me something else / louder please / never mind /
excuse me / I meant the other one / hey / quiet please / enough / how many are there? /
be quiet
"""
ONSET = 0.5  # probability of speech that starts a turn, in two frames
PADDING = 0.3  # seconds before it
Heard = tuple[str, float]  # text, and the probability of its last word


@dataclass(frozen=True)
class Clip:
    """A phrase as it is heard: `early` after each of EARLY, `final` at its pause, at `paused`."""

    interrupts: bool
    voiced: float
    early: dict[float, tuple[float, Heard]]
    paused: float
    final: Heard

    def decision(self, looks: Sequence[float]) -> float | None:
        """Return after how many seconds it interrupts with early `looks`, None if it does not."""
        for look in looks:
            if look in self.early and interrupts_early(*self.early[look][1]):
                return self.early[look][0]
        if self.voiced >= INTERRUPTION:
            return INTERRUPTION
        return None if is_backchannel(*self.final) else self.paused


def heard(finder: PointFinder, samples: Samples) -> Heard:
    words = finder.words(samples)
    return join_words(words), words[-1].probability if words else 0.0


def listen(finder: PointFinder, spoken: Samples, *, interrupts: bool) -> Clip | None:
    """Return what is heard of a phrase; None if it is too quiet for a turn."""
    noise = np.random.default_rng(0).normal(0, QUIET, 2 * RATE)
    loud = 0.5 * spoken / max(1e-3, float(np.abs(spoken).max()))
    samples = np.concatenate([noise[:RATE], loud, noise[RATE:]]).astype(np.float32)
    detector = finder.detector
    _, found = detector.step(detector.init_state(), samples[: len(samples) // FRAME * FRAME])
    speech = np.asarray(found)
    onsets = np.flatnonzero((speech[1:] >= ONSET) & (speech[:-1] >= ONSET))
    if not len(onsets):
        return None
    first = int(onsets[0])
    frames = first + np.flatnonzero(speech[first:] >= SILENT)
    start = max(0, first * FRAME - round(PADDING * RATE))
    early = {}
    for look in EARLY:
        count = int(np.ceil(look * RATE / FRAME))
        if count <= len(frames):
            end = int(frames[count - 1]) + 1
            time = (end - first) * FRAME / RATE
            early[look] = (time, heard(finder, samples[start : end * FRAME]))
    last = (int(frames[-1]) + 1) * FRAME
    final = heard(finder, samples[start : last + round(PEEK * RATE)])
    paused = (last - first * FRAME) / RATE + PEEK
    return Clip(interrupts, len(frames) * FRAME / RATE, early, paused, final)


def clips(engine: str, finder: PointFinder) -> Iterator[Clip]:
    speak = ENGINES[engine]()
    for interrupts, phrases in ((True, INTERRUPTIONS), (False, BACKCHANNELS)):
        for number, phrase in enumerate(each.strip() for each in phrases.split("/")):
            for way in (1, 2):
                spoken = speak(phrase, np.random.default_rng([way, number])).samples
                clip = listen(finder, spoken, interrupts=interrupts)
                if clip is not None:
                    yield clip


def row(found: Sequence[Clip], looks: Sequence[float]) -> str:
    meant = [each.decision(looks) for each in found if each.interrupts]
    others = [each.decision(looks) for each in found if not each.interrupts]
    times = [time for time in meant if time is not None]
    median, late = np.quantile(times, (0.5, 0.95))
    wrong = sum(time is not None for time in others)
    return f"{len(times)} of {len(meant)} | {median:.2f} / {late:.2f} | {wrong} of {len(others)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", choices=list(ENGINES), required=True)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    with stored_engines(read_settings()) as load_engine:
        finder = PointFinder(given.weights, load_engine)
        found = [clip for engine in given.engine for clip in clips(engine, finder)]
    sys.stdout.write("| early looks | interrupt | after p50 / p95 s | backchannels that do |\n")
    sys.stdout.write("|---|---|---|---|\n")
    for looks in ((), EARLY[:1], EARLY):
        named = " and ".join(f"{look:g} s" for look in looks) or "none"
        sys.stdout.write(f"| {named} | {row(found, looks)} |\n")


if __name__ == "__main__":
    main()
