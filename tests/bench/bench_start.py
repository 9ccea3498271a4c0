"""From a fresh clone to the first caption, step by step.

    python -m tests.bench.bench_start

Clones this checkout's last commit to an empty folder and runs there what README.md says: installs,
fetches the weights, captions a clip. The speed of the package registry is in it.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from tests.paths import ROOT

CLIP = "tests/data/speech/jfk.flac"


def timed(name: str, command: list[str], folder: Path) -> None:
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    print(f"{name:44} {time.monotonic() - began:8.1f} s", flush=True)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "eyeline"
        timed("clone", ["git", "clone", "-q", str(ROOT), str(folder)], Path(name))
        timed("install", ["./eyeline", "version"], folder)
        timed("weights, and 11 s of speech captioned", ["./eyeline", "captions", CLIP], folder)
        timed("the same again", ["./eyeline", "captions", CLIP], folder)


if __name__ == "__main__":
    main()
