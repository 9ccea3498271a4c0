"""Inputs that once reached new code, kept in the repository: fuzzers begin with them.

    python -m tests.fuzz.corpus TARGET

takes the shortest ones of what `tests.fuzz.run` has found for a target. A file has a line for each
input, in hexadecimal digits.
"""

import argparse
from pathlib import Path

from tests.paths import ROOT

FOUND = ROOT / ".cache" / "eyeline" / "fuzz"
KEPT = Path(__file__).parent / "corpus"
COUNT, SIZE = 60, 300  # inputs of a target, and bytes of each


def read_corpus(target: str) -> list[bytes]:
    """Return the inputs of `target`; none if nobody has kept any."""
    path = KEPT / f"{target}.txt"
    if not path.exists():
        return []
    return [bytes.fromhex(line) for line in path.read_text(encoding="ascii").splitlines()]


def write_corpus(target: str, folder: Path) -> int:
    """Keep the shortest inputs in `folder`; return how many they are."""
    files = (path for path in folder.iterdir() if not path.name.startswith("failed"))
    inputs = sorted({path.read_bytes() for path in files}, key=lambda data: (len(data), data))
    kept = [data for data in inputs if 0 < len(data) <= SIZE][:COUNT]
    KEPT.mkdir(exist_ok=True)
    text = "".join(f"{data.hex()}\n" for data in kept)
    (KEPT / f"{target}.txt").write_text(text, encoding="ascii")
    return len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target")
    parser.add_argument("--folder", type=Path, help="another than the cache's")
    chosen = parser.parse_args()
    write_corpus(chosen.target, chosen.folder or FOUND / chosen.target)


if __name__ == "__main__":
    main()
