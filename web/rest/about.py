"""GET /about: what this service is, whose models it uses, and its documents, for anybody."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from models.weights.catalog import WEIGHTS
from web.problems import ProblemError

router = APIRouter()

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", "LICENSE", "THIRD_PARTY.md", "docs/*.md")
CARDS = "models/checkpoints/*.md"
LICENCE = "Apache-2.0"
PACKAGES = ("aiortc", "av", "fastapi", "gradio", "onnxruntime", "torch")  # whose versions matter
PLAIN = "text/plain; charset=utf-8"
NOT_GUESSED = {"X-Content-Type-Options": "nosniff"}
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
START = 2_000  # characters of a document, in which its title is


@router.get("/about")
async def about() -> dict[str, Any]:
    """Describe the service: versions, licences, models with their sources and cards, documents."""
    return {
        "name": "eyeline",
        "version": package_version("eyeline"),
        "licence": LICENCE,
        "python": python_version(),
        "packages": {name: package_version(name) for name in PACKAGES},
        "weights": [
            {
                "name": each.name,
                "summary": each.summary,
                "licence": each.licence,
                "source": each.source,
            }
            for each in WEIGHTS.values()
        ],
        "cards": [_link(path) for path in _files(CARDS)],
        "documents": [_link(path) for pattern in DOCUMENTS for path in _files(pattern)],
    }


@router.get("/about/{path:path}")
async def document(path: str) -> Response:
    """Return a document of the service as plain text."""
    shown = {_name(each): each for pattern in (*DOCUMENTS, CARDS) for each in _files(pattern)}
    if path not in shown:
        raise ProblemError(404, f"no document {path[:80]!r} here: GET /about lists them")
    return FileResponse(shown[path], media_type=PLAIN, headers=NOT_GUESSED)


def package_version(name: str) -> str:
    """Return the version of an installed package, `unknown` if it runs from a folder alone."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _files(pattern: str) -> Iterator[Path]:
    yield from sorted(ROOT.glob(pattern))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _link(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        found = TITLE.search(file.read(START))
    return {"title": found[1] if found else path.name, "path": f"/about/{_name(path)}"}
