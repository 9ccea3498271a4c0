"""What the documents name exists: modules, files and links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

FOLDERS = ("media", "models", "rtc", "trt_engines", "web", "tests", "docs")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "models/checkpoints/*.md")
    for path in ROOT.glob(pattern)
)
MODULE = re.compile(rf"python3? -m ((?:{'|'.join(FOLDERS)})(?:\.[a-z_0-9]+)+)(?![\w.])")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def named(document: Path) -> Iterator[Path]:
    text = document.read_text(encoding="utf-8")
    for module in MODULE.findall(text):
        yield ROOT / (module.replace(".", "/") + ".py")
    for path in PATH.findall(text):
        yield ROOT / path
    for target in LINK.findall(text):
        yield document.parent / target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_in_a_document_exists(document: Path) -> None:
    missing = [path for path in named(document) if not path.exists()]
    assert [str(path.relative_to(ROOT)) for path in missing if "*" not in path.name] == []


def test_the_search_finds_modules_paths_and_links(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("Run `python -m tests.bench.none --x`, see `media/none.py` and [b](b.md).")
    found = [ROOT / "tests/bench/none.py", ROOT / "media/none.py", tmp_path / "b.md"]
    assert list(named(document)) == found
