"""Who speaks: error rate, delay and cost on dialogues that are mixed from clips of single voices.

    python -m tests.bench.bench_speakers FOLDER [--set test] [--each 6]

FOLDER has `open/` with FLAC clips and their manifest.jsonl, and `synthetic/` with those of speech
synthesis; voices of the development set chose the thresholds, those of the test set nothing. A row
is a number of voices, with turns apart or overlapping (a third of them begin before the last has
ended). Beside the streamed labels are those of the whole file, and one label for everybody, which
is the baseline. The delay is from the start of a speaker's first turn to the first label for it.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from models.asr.speech_activity import FRAME, Samples, detect_speech, speech_regions
from models.asr.vad import SileroVad, load_silero
from models.asr.words import RATE
from models.speakers.clustering import Voice, Voices, labelled_by, speakers_at
from models.speakers.encoder import load_encoder
from models.speakers.tracker import SpeakerTracker
from models.speakers.windows import VoiceChunk
from tests.bench.diarization_error import Errors, Segment, diarization_errors
from tests.paths import WEIGHTS

STEP = RATE // 10  # samples of a label
TURN_SILENCE = 16  # frames of silence between two turns: half a second
CHUNK = 31  # frames that a session takes at once: a second
TEST_CLIPS = ("LJ", "jfk", "ls-", "mfa-61", "ps-card", "ps-sense")
SYNTHETIC = ("flite-slt-100", "flite-rms-100", "flite-awb-100", "pico-en-US-100", "joe100")


@dataclass(frozen=True)
class Dialogue:
    """Sound of several voices, and when each speaks."""

    samples: Samples
    reference: list[Segment]
    voices: int
    overlapping: bool


def read(path: Path) -> Samples:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    sound = np.concatenate(parts).astype(np.float32)
    level = np.float32(0.05 / (np.sqrt(np.mean(sound**2)) + 1e-9))
    return np.multiply(sound, level)


def clips(folder: Path, part: str) -> dict[str, list[Path]]:
    """Return the clips of each voice of the set: real ones, then synthesized ones."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((folder / "open").glob("*.flac")):
        if path.name.startswith(TEST_CLIPS) == (part == "test"):
            voice = next(
                (p for p in ("LJ", "ast", "ps-card") if path.name.startswith(p)), path.stem
            )
            found[voice].append(path)
    lines = (folder / "synthetic" / "manifest.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    kokoro = sorted({r["voice"] for r in rows if r["engine"] == "kokoro" and "~" not in r["voice"]})
    chosen = {*kokoro[1::2]} if part == "test" else {*kokoro[::2], *SYNTHETIC}
    for row in rows:
        if row["voice"] in chosen and len(found[row["voice"]]) < 8:
            found[row["voice"]].append(folder / "synthetic" / row["path"])
    return {voice: paths for voice, paths in found.items() if paths}


def turns_of(paths: Sequence[Path], detector: SileroVad) -> list[Samples]:
    """Return the speech of clips in pieces of at most four seconds or so."""
    pieces: list[Samples] = []
    for path in paths:
        sound = read(path)
        for first, last in detect_speech(detector, sound):
            part = sound[max(0, first - RATE // 20) : last + RATE // 20]
            pieces += np.array_split(part, max(1, round(len(part) / (3.5 * RATE))))
    return [piece for piece in pieces if len(piece) >= 0.6 * RATE]


def mixed(
    pieces: dict[str, list[Samples]],
    count: int,
    rng: np.random.Generator,
    detector: SileroVad,
    *,
    overlapping: bool,
) -> Dialogue:
    """Return a dialogue of `count` voices in turns; each piece is heard once."""
    voices = list(rng.choice(sorted(pieces), size=count, replace=False))
    left = {voice: list(rng.permutation(len(pieces[voice]))) for voice in voices}
    placed: list[tuple[int, str, Samples]] = []
    end = RATE // 2
    while len(placed) < 12:
        others = [v for v in voices if left[v] and (not placed or v != placed[-1][1])]
        if not others:
            break
        voice = str(rng.choice(others))
        gap = rng.uniform(0.1, 0.9)
        if overlapping and placed and rng.random() < 0.35:
            gap = -rng.uniform(0.3, 1.0)
        start = max(end + int(gap * RATE), placed[-1][0] + RATE // 2 if placed else 0)
        piece = pieces[voice][left[voice].pop()] * np.float32(10 ** (rng.uniform(-4, 4) / 20))
        placed.append((start, voice, piece))
        end = start + len(piece)
    length = max(start + len(piece) for start, _, piece in placed) + RATE
    sound = rng.normal(0, 1e-3, length).astype(np.float32)
    reference: list[Segment] = []
    for start, voice, piece in placed:
        sound[start : start + len(piece)] += piece
        reference += [
            ((start + a) / RATE, (start + b) / RATE, voice)
            for a, b in detect_speech(detector, piece)
        ]
    return Dialogue(sound, reference, len({voice for _, voice, _ in placed}), overlapping)


def turn_chunks(samples: Samples, probabilities: Sequence[float]) -> Iterator[VoiceChunk]:
    """Yield the turns of `samples` as a session does, a second at a time."""
    turns: list[list[int]] = []
    for number, probability in enumerate(probabilities):
        if probability < 0.5:
            continue
        if turns and number - turns[-1][1] < TURN_SILENCE:
            turns[-1][1] = number + 1
        else:
            turns.append([number, number + 1])
    for first, last in turns:
        begin, end = max(0, first - 9), min(len(probabilities), last + 9)
        for start in range(begin, end, CHUNK):
            stop = min(end, start + CHUNK)
            sound = samples[start * FRAME : stop * FRAME]
            heard = probabilities[start:stop]
            yield VoiceChunk(begin * FRAME, sound, heard, last=stop == end)


def measure(
    dialogue: Dialogue, tracker: SpeakerTracker, detector: SileroVad
) -> tuple[dict[str, Errors], list[float], float]:
    """Return errors by method, delays of first labels, and the CPU seconds of the tracker."""
    padded = np.pad(dialogue.samples, (0, -len(dialogue.samples) % FRAME))
    _, probabilities = detector.step(detector.init_state(), padded)
    places = [
        place + STEP // 2
        for first, last in speech_regions(probabilities)
        for place in range(first, last, STEP)
    ]
    state, known = tracker.init_state(), Voices()
    windows: dict[int, Voice] = {}
    shown: list[int] = []
    first_heard: dict[int, float] = {}
    began = time.process_time()
    for chunk in turn_chunks(padded, probabilities):
        state, changed = tracker.step(state, chunk)
        for known in changed:
            windows |= {voice.start: voice for voice in known.recent}
        until = max((voice.end for voice in known.recent), default=0)
        for number in known.numbers:
            first_heard.setdefault(number, until / RATE)
        if chunk.last:
            due = [place for place in places[len(shown) :] if place <= until + RATE // 2]
            shown += speakers_at(known, due)
    cost = time.process_time() - began
    shown += speakers_at(known, places[len(shown) :])
    whole = speakers_at(labelled_by(known, tuple(windows.values())), places)
    found = {"live": shown, "whole": whole, "one label": [1] * len(places)}
    errors = {
        name: diarization_errors(dialogue.reference, _segments(places, labels))
        for name, labels in found.items()
    }
    starts = sorted({v: s for s, _, v in reversed(dialogue.reference)}.values())
    delays = [
        late - start for start, late in zip(starts, sorted(first_heard.values()), strict=False)
    ]
    return errors, delays, cost


def _segments(places: Sequence[int], labels: Sequence[int]) -> list[Segment]:
    half = STEP // 2
    return [
        ((place - half) / RATE, (place + half) / RATE, str(label))
        for place, label in zip(places, labels, strict=True)
        if label
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=("dev", "test"), default="test")
    parser.add_argument("--each", type=int, default=6, help="dialogues of each row")
    options = parser.parse_args()
    detector = load_silero(WEIGHTS)
    tracker = SpeakerTracker(load_encoder(WEIGHTS))
    rng = np.random.default_rng({"dev": 1, "test": 2}[options.set])
    sources = clips(options.folder, options.set)
    pieces = {
        voice: found for voice, paths in sources.items() if (found := turns_of(paths, detector))
    }
    print(f"{len(pieces)} voices: {', '.join(pieces)}")
    delays: list[float] = []
    cost = speech = 0.0
    for count, overlapping in (
        (1, False),
        (2, False),
        (2, True),
        (3, False),
        (3, True),
        (4, False),
        (4, True),
    ):
        rows: dict[str, Errors] = defaultdict(Errors)
        for _ in range(options.each):
            dialogue = mixed(pieces, count, rng, detector, overlapping=overlapping)
            errors, late, spent = measure(dialogue, tracker, detector)
            for name, each in errors.items():
                rows[name] += each
            delays += late
            cost += spent
            speech += errors["live"].speech
        kind = "overlapping" if overlapping else "apart"
        shown = ", ".join(
            f"{name} {each.rate:.1%} (missed {each.missed / each.speech:.1%}, "
            f"invented {each.invented / each.speech:.1%}, "
            f"confused {each.confused / each.speech:.1%})"
            for name, each in rows.items()
        )
        print(f"{count} voices, {kind}: {shown}", flush=True)
    print(f"first label {np.median(delays):.1f} s after the start of a voice (median)")
    print(f"{1000 * cost / speech:.1f} ms of CPU for a second of speech")


if __name__ == "__main__":
    main()
