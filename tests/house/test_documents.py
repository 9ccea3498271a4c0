"""What the documents name exists: modules, files, links and classes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

CODE = ("media", "models", "rtc", "trt_engines", "web", "tests")
FOLDERS = (*CODE, "docs")
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "models/*/*.md",
        "tests/data/*.md",
        "tests/data/blind/*.md",
    )
    for path in ROOT.glob(pattern)
)
NOW = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # which names former things too
MODULE = re.compile(rf"python3? -m ((?:{'|'.join(FOLDERS)})(?:\.[a-z_0-9]+)+)(?![\w.])")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`")
DOTTED = re.compile(rf"`((?:{'|'.join(CODE)})(?:\.[a-z_0-9]+)+)`")
CLASS = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)\b")
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


def exists(name: str) -> bool:
    """Whether there is the folder or module `name`, or the module whose part it is."""
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or any(p.with_suffix(".py").exists() for p in (path, path.parent))


@pytest.fixture(scope="module")
def source() -> str:
    kinds = ("*.py", "*.js")
    modules = (path for folder in CODE for kind in kinds for path in (ROOT / folder).rglob(kind))
    return "".join(path.read_text(encoding="utf-8") for path in modules)


@pytest.mark.parametrize("document", NOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_classes_that_a_document_names_exist(document: Path, source: str) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [name for name in DOTTED.findall(text) if not exists(name)]
    assert missing + [name for name in CLASS.findall(text) if name not in source] == []


def test_the_search_finds_modules_paths_and_links(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("Run `python -m tests.bench.none --x`, see `media/none.py` and [b](b.md).")
    found = [ROOT / "tests/bench/none.py", ROOT / "media/none.py", tmp_path / "b.md"]
    assert list(named(document)) == found
