"""Finds where people may pause in clips of speech, and what is recognized up to there.

    python -m models.training.turn_end.points FOLDER POINTS --limit 200

FOLDER has a manifest.jsonl with `path` and `text`. Each line of POINTS is a place in a clip:

| kind   | place                                                              |
|--------|--------------------------------------------------------------------|
| end    | behind the last word: the turn is over                             |
| spoken | a pause that is in the clip, of `pause` seconds                    |
| clause | between two words, behind a comma or the end of a sentence         |
| inner  | between two other words                                            |

`heard` is what the service would recognize of the turn when silence begins there, and `sure` the
probability of its last word.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.asr.speech_activity import FRAME, VoiceActivityDetector
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import load_silero
from models.asr.whisper.loading import load_whisper
from models.asr.words import RATE, RecognizedWord, join_words
from models.engine import EngineLoader, load_in_torch

Samples = NDArray[np.float32]

PEEK = 0.2  # seconds of silence after which the service looks at the words
SILENT = 0.35  # probability of speech below which a frame of a turn is silent
QUIET = 1e-4  # level of the noise in added silence
CLAUSE_ENDS = (",", ".", "?", "!", ";", ":")
INNER, CLAUSES = 2, 1  # places in a clip, at most


@dataclass(frozen=True, slots=True)
class PausePoint:
    """A place in a clip, `time` seconds from its start; see the table above."""

    clip: str
    engine: str
    voice: str
    text: str
    kind: str
    time: float
    pause: float
    heard: str
    sure: float


def pauses(detector: VoiceActivityDetector, samples: Samples) -> tuple[list[tuple[int, int]], int]:
    """Return the pauses inside `samples` of at least PEEK, and where speech ends."""
    padded = np.pad(samples, (0, 2 * RATE + -len(samples) % FRAME))
    _, probabilities = detector.step(detector.init_state(), padded)
    speech = np.flatnonzero(np.asarray(probabilities) >= SILENT)
    if not len(speech):
        return [], 0
    found = [
        ((int(a) + 1) * FRAME, int(b) * FRAME)
        for a, b in pairwise(speech)
        if (b - a - 1) * FRAME >= PEEK * RATE
    ]
    return found, min(len(samples), (int(speech[-1]) + 1) * FRAME)


def cuts(words: Sequence[RecognizedWord], rng: random.Random) -> Iterator[tuple[str, int]]:
    """Yield drawn places between `words`: the kind, and the sample."""
    places: dict[str, list[int]] = {"clause": [], "inner": []}
    for word, following in pairwise(words):
        kind = "clause" if word.text.strip().endswith(CLAUSE_ENDS) else "inner"
        places[kind].append((word.end + following.start) // 2)
    for kind, most in (("clause", CLAUSES), ("inner", INNER)):
        for place in sorted(rng.sample(places[kind], min(most, len(places[kind])))):
            yield kind, place


class PointFinder:
    """Finds the points of a clip with the service's own recognizer and detector."""

    def __init__(self, weights: Path, load_engine: EngineLoader = load_in_torch) -> None:
        self.detector = load_silero(weights)
        self._recognizer = LocalAgreement(
            load_whisper("tiny.en", weights, load_engine, threads=1), self.detector
        )

    def find(self, row: dict[str, str], samples: Samples, seed: int) -> Iterator[PausePoint]:
        """Yield the points of the clip `row` of a manifest."""
        words = self.words(samples)
        spoken, end = pauses(self.detector, samples)
        places = [("spoken", first, (last - first) / RATE) for first, last in spoken]
        places += [(kind, place, 0.0) for kind, place in cuts(words, random.Random(seed))]
        places.append(("end", end, 0.0))
        for kind, place, pause in places:
            words = self.words(paused(samples, place))
            sure = round(words[-1].probability, 3) if words else 0.0
            engine, voice = row.get("engine", "person"), row.get("voice", row.get("source", ""))
            time = round(place / RATE, 3)
            heard, gap = join_words(words), round(pause, 3)
            yield PausePoint(row["path"], engine, voice, row["text"], kind, time, gap, heard, sure)

    def words(self, samples: Samples) -> list[RecognizedWord]:
        """Return the words of a turn that ends with `samples`."""
        (update,) = self._recognizer.flush(self._recognizer.init_state(), samples)
        return list(update.committed)


def paused(samples: Samples, place: int) -> Samples:
    """Return the sound up to `place`, and as much silence as the service waits for."""
    noise = np.random.default_rng(place).normal(0, QUIET, round(PEEK * RATE))
    return np.concatenate([samples[:place], noise], dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("points", type=Path)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--engine", help="only clips of this one")
    parser.add_argument("--limit", type=int, default=100_000)
    parser.add_argument("--longest", type=float, default=14.0, help="seconds of a clip")
    given = parser.parse_args()
    rows = [json.loads(line) for line in (given.folder / "manifest.jsonl").read_text().splitlines()]
    rows = [row for row in rows if given.engine in (None, row.get("engine"))]
    rows = rows[:: max(1, len(rows) // given.limit)][: given.limit]
    finder = PointFinder(given.weights)
    with given.points.open("w") as out:
        for number, row in enumerate(rows):
            samples, rate = soundfile.read(given.folder / row["path"], dtype="float32")
            if rate != RATE or len(samples) > given.longest * RATE:
                continue
            for point in finder.find(row, samples, number):
                out.write(json.dumps(asdict(point)) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
