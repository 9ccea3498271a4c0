"""Says the phrases of text files, as a corpus with a manifest: what people ask an assistant.

    python -m models.training.turn_end.spoken FOLDER --engine hibari --seed 1 FILE...

A line of a file is a phrase; comments, `[kinds]` and `show` are left out. `pico` needs
`pip install py-nanotts`. The same files, engine and seed give the same clips.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from models.asr.words import RATE
from models.training.asr.voices import ENGINES

NO_PHRASES = ("#", "[", "show ")
PEAK = 0.5


def phrases(lines: Iterable[str]) -> Iterator[str]:
    """Yield the phrases of a file's lines."""
    for line in lines:
        text = line.strip().removeprefix("> ")
        if text and not text.startswith(NO_PHRASES):
            yield text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--engine", choices=list(ENGINES), required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    speak = ENGINES[given.engine]()
    texts = [text for file in given.files for text in phrases(file.read_text().splitlines())]
    with (given.folder / "manifest.jsonl").open("w") as out:
        for number, text in enumerate(texts):
            spoken = speak(text, np.random.default_rng([given.seed, number]))
            peak = float(np.abs(spoken.samples).max(initial=1e-3))
            path = f"{number:04d}.flac"
            soundfile.write(given.folder / path, spoken.samples * (PEAK / peak), RATE)
            row = {"path": path, "text": text, "engine": given.engine, "voice": spoken.voice}
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
