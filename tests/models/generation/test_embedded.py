import json
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import WeightsError
from models.generation.context import Reach
from models.generation.embedded import Both, Shows, load, save
from models.generation.motion_stream import MotionStream
from models.streaming import run
from tests.models.generation import tiny


def write(folder: Path) -> tuple[Path, Path]:
    codec, drawing = folder / "codec.safetensors", folder / "drawing.safetensors"
    made = tiny.codec()
    save_file(made.state_dict(), codec, metadata={"config": json.dumps(asdict(made.config))})
    shows = Shows(32, ("duck", "car"), ("grass",), Reach(sink=1, window=2))
    save(drawing, Both(tiny.dit(), tiny.words()), shows, {"step": 3})
    return codec, drawing


def test_what_was_saved_draws_the_same(tmp_path: Path) -> None:
    loaded = load(*write(tmp_path))
    assert loaded.shows.things == ("duck", "car")
    said = loaded.words.prompt("a duck on grass")
    one = list(run(MotionStream(loaded.backbone()), tiny.controls(3, said)))
    two = list(run(MotionStream(tiny.backbone()), tiny.controls(3)))
    assert torch.equal(torch.stack(one), torch.stack(two))


@pytest.mark.parametrize("damage", ["missing", "cut", "pickle", "swapped", "no config"])
def test_files_that_are_something_else_are_told(tmp_path: Path, damage: str) -> None:
    codec, drawing = write(tmp_path)
    match damage:
        case "missing":
            drawing.unlink()
        case "cut":
            drawing.write_bytes(drawing.read_bytes()[:-100])
        case "pickle":
            drawing.write_bytes(pickle.dumps({"a": print}))
        case "swapped":
            codec, drawing = drawing, codec
        case _:
            save_file(tiny.dit().state_dict(), drawing)
    with pytest.raises(WeightsError, match="safetensors"):
        load(codec, drawing)
