"""Our reception and sending beside stock aiortc's, over the same paths with the same seeds.

    python -m tests.bench.bench_transport [--only loss cap] [--seeds 5]

A stock aiortc client sends a clip with time codes in its pictures and real speech; a stock aiortc
connection receives it, and a peer of `rtc` does at the same time from another client, so that other
work on the machine meets both. In the rows "sending" they send, and the client receives. Each side
is a process of its own; the path between them is `tests.rtc.link`. Every figure is a median over
the seeds, but for word errors, which are added up. `--only` takes beginnings of names of rows.
"""

import argparse
import asyncio
import math
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.transport.rows import ROWS, Figures, Row, Words, words
from tests.bench.transport.run import run
from tests.paths import WEIGHTS

SIZES = {"large": ((640, 360), 30.0), "small": ((320, 180), 15.0)}
WORD_ERRORS = "word errors, %"

Found = dict[str, list[Figures]]  # by system, one for each seed


def processor() -> str:
    """Return the name of this machine's processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


async def measure(
    row: Row, options: argparse.Namespace, label: str
) -> tuple[Found, dict[str, list[Words]]]:
    """Run a row for each seed and system."""
    found: Found = {system: [] for system in row.systems}
    heard: dict[str, list[Words]] = {system: [] for system in row.systems}
    size, rate = SIZES[options.size]
    seconds = row.seconds or options.seconds
    for seed in range(options.seeds):
        begun = time.monotonic()
        async with asyncio.TaskGroup() as both:
            running = {
                system: both.create_task(
                    run(
                        row.plan(system, seed, size=size, rate=rate),
                        row.schedule,
                        seconds,
                        delay=row.delay,
                        early=row.early,
                    )
                )
                for system in row.systems
            }
        for system, task in running.items():
            found[system].append(row.read(task.result()))
            if row.words and not options.no_words:
                heard[system].append(words(task.result()))
        took = time.monotonic() - begun
        print(f"{label}, seed {seed}: {took:.0f} s", file=sys.stderr, flush=True)
    return found, heard


def recognized(model: str, heard: Mapping[str, Sequence[Words]]) -> dict[str, float]:
    """Return the word error rate of each system, in percent."""
    from models.asr.offline.transcription import transcribe
    from models.asr.vad import load_silero
    from models.asr.whisper.loading import load_whisper
    from models.asr.words import join_words
    from models.training.asr.scoring import WordErrors, score

    whisper, detector = load_whisper(model, WEIGHTS, threads=1), load_silero(WEIGHTS)
    rates = {}
    for system, parts in heard.items():
        total = WordErrors()
        for part in parts:
            text = join_words(list(transcribe(whisper, detector, part.samples)))
            total += score(part.text, text)
        rates[system] = 100 * total.errors / max(1, total.words)
    return rates


def table(found: Found, targets: Mapping[str, float], rates: Mapping[str, float]) -> list[str]:
    """Return the lines of a row's table."""
    medians = {system: _medians(figures) for system, figures in found.items()}
    if rates:
        for system, rate in rates.items():
            medians[system][WORD_ERRORS] = rate
    base, other = found
    lines = [f"| | {base} | {other} | ratio | target |", "|---|---|---|---|---|"]
    for name, before in medians[base].items():
        after = medians[other][name]
        ratio = f"{after / before:.2f}" if before and math.isfinite(after / before) else ""
        verdict = _verdict(targets.get(name), after)
        lines.append(f"| {name} | {_number(before)} | {_number(after)} | {ratio} | {verdict} |")
    return lines


def _medians(figures: Sequence[Figures]) -> Figures:
    return {name: statistics.median(each[name] for each in figures) for name in figures[0]}


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def _verdict(target: float | None, ours: float) -> str:
    if target is None:
        return ""
    met = ours >= target if target > 0 else ours <= -target
    sign = "at least" if target > 0 else "at most"
    return f"{sign} {abs(target):g}: {'met' if met else '**missed**'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--only",
        nargs="*",
        default=[""],
        metavar="ROW",
        help="of: " + ", ".join(ROWS).replace("%", "%%"),
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="that are measured in a run")
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--model", default="tiny.en", help="that recognizes the words")
    parser.add_argument("--no-words", action="store_true", help="do not count word errors")
    options = parser.parse_args()
    size, rate = SIZES[options.size]
    print(f"{processor()}, Python {platform.python_version()}; {size[0]}x{size[1]} at {rate:g}")
    for label, row in ROWS.items():
        if label.startswith(tuple(options.only)):
            found, heard = asyncio.run(measure(row, options, label))
            rates = recognized(options.model, heard) if any(heard.values()) else {}
            print(f"\n{label}, {options.seeds} seeds\n")
            print("\n".join(table(found, row.targets, rates)), flush=True)


if __name__ == "__main__":
    main()
