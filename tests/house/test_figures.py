"""Figures that several places give to users are the same, and true."""

import json
import re

import pytest
from safetensors import safe_open

from models.shipped import CHECKPOINTS
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
from tests.paths import ROOT
from web.cli.main import banner
from web.config import Settings


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """The words that the drawing model knows, from its file."""
    with safe_open(CHECKPOINTS / "drawing.safetensors", "np") as file:
        config: dict[str, list[str]] = json.loads(file.metadata()["config"])
    return config


def texts() -> dict[str, str]:
    """Return what users read about the drawing model, each in one line."""
    files = ("README.md", "CHANGELOG.md", "models/checkpoints/drawing.md")
    found = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
    found["the banner"] = banner(Settings())
    return {name: " ".join(text.split()) for name, text in found.items()}


@pytest.mark.parametrize("place", list(texts()))
def test_how_much_is_drawn_is_told_in_one_way(known: dict[str, list[str]], place: str) -> None:
    things, backgrounds = len(known["things"]), len(known["backgrounds"])
    [found] = re.findall(r"(\d+) names of things.{0,20}?(\d+) of backgrounds", texts()[place])
    assert (int(found[0]), int(found[1])) == (things, backgrounds)


def test_kinds_are_those_of_the_training(known: dict[str, list[str]]) -> None:
    assert known["things"] == [name for kind in KINDS.values() for name in kind.names]
    kinds = re.search(r"\((\d+) kinds\).*?\((\d+) kinds\)", texts()["README.md"])
    assert kinds is not None
    assert (int(kinds[1]), int(kinds[2])) == (len(KINDS), len(BACKGROUNDS))
