"""Fuzzes one parser, guided by coverage, until a case fails or all have passed.

    python -m tests.fuzz.run TARGET [--cases 1000000] [LIBFUZZER OPTIONS]

Needs the `fuzz` extra (Linux). It begins with the inputs in tests/fuzz/corpus. Those that reach new
code are kept in .cache/eyeline/fuzz/TARGET, and the next run begins with them as well; a failing
one is written there too.

    python -m tests.fuzz.run TARGET FILE

runs that one again.
"""

import argparse
import hashlib
import sys

import atheris

with atheris.instrument_imports(include=["media", "rtc", "web", "models"]):
    from tests.fuzz.targets import TARGETS
from tests.fuzz.corpus import FOUND, read_corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--cases", type=int, default=1_000_000)
    chosen, options = parser.parse_known_args()
    corpus = FOUND / chosen.target
    corpus.mkdir(parents=True, exist_ok=True)
    for data in read_corpus(chosen.target):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    own = [
        f"-atheris_runs={chosen.cases}",
        f"-artifact_prefix={corpus}/failed-",
        "-max_len=400",
        "-len_control=0",
    ]
    atheris.Setup([sys.argv[0], *own, *(options or [str(corpus)])], TARGETS[chosen.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
