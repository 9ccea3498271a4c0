"""The pictures of what the model knows: those on the page are of the model that ships."""

import json
from pathlib import Path

from PIL import Image

from models.generation.small.info import read_info
from models.generation.small.loading import find_files, load
from models.generation.small.prompts.vocabulary import without_article
from models.training.video.known import CELL, PRESETS, presets, write
from tests.models.generation import tiny
from tests.paths import ROOT

PAGE = ROOT / "web/page/static/draw"
MAX_SIZE = 40_000  # bytes: 124 things and 32 backgrounds


def test_the_page_has_a_picture_of_all_that_the_shipped_model_knows() -> None:
    """If this fails: `python -m models.training.video.known`."""
    known = read_info(find_files().dit).vocabulary
    fields = json.loads((PAGE / "known.json").read_text(encoding="utf-8"))
    assert fields["things"] == list(known.kinds)
    assert fields["backgrounds"] == [without_article(name) for name in known.grounds]
    assert fields["presets"] == presets(known) == list(PRESETS)
    with Image.open(PAGE / "known.webp") as sheet:
        assert sheet.size == (fields["columns"] * CELL, fields["rows"] * CELL)
    assert (PAGE / "known.webp").stat().st_size <= MAX_SIZE


def test_any_model_draws_its_own(tmp_path: Path) -> None:
    files = tiny.files(tmp_path)
    write(load(files.codec, files.dit), tmp_path)
    fields = json.loads((tmp_path / "known.json").read_text(encoding="utf-8"))
    assert (fields["things"], fields["backgrounds"]) == (["duck", "car"], ["grass"])
    assert fields["presets"] == ["a duck on grass, moving to the left"]
    with Image.open(tmp_path / "known.webp") as sheet:
        assert sheet.convert("RGB").getextrema() != ((0, 0),) * 3
