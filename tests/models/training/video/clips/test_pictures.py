from pathlib import Path

import numpy as np
import pytest

from models.generation.small.looks.pictures import load, pack
from tests.models.training.video import drawn


def test_a_folder_without_photographs_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"clips\.photographs"):
        load(tmp_path)


def test_a_packed_file_holds_objects_exactly_and_backgrounds_nearly(tmp_path: Path) -> None:
    pictures = drawn.pictures()
    name, drawing = next(iter(pictures.objects.items()))
    faint = drawing // 4  # premultiplied: the color of a faint pixel is not stretched
    pictures.objects[name] = faint
    pack(pictures, tmp_path / "pictures.zip")
    again = load(tmp_path / "pictures.zip")
    assert again.objects.keys() == pictures.objects.keys()
    for name, kept in pictures.objects.items():
        assert np.array_equal(again.objects[name], kept)
    for name, ground in pictures.grounds.items():
        assert np.abs(again.grounds[name].astype(int) - ground).mean() < 12
