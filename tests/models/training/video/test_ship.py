from pathlib import Path

import torch

from models.generation.samplers.motion_stream import MotionStream
from models.generation.small import loading
from models.streaming import run
from models.training.video.ship import convert_to_float16
from tests.models.generation import tiny


def test_half_of_the_bytes_draw_the_same_but_for_rounding(tmp_path: Path) -> None:
    trained = tiny.files(tmp_path)
    shipped = [tmp_path / "halves" / name for name in loading.FILE_NAMES]
    shipped[0].parent.mkdir()
    for file, half in zip((trained.codec, trained.dit), shipped, strict=True):
        convert_to_float16(file, half)
    drawn = []
    for files in ((trained.codec, trained.dit), shipped):
        loaded = loading.load(*files)
        encoded = loaded.prompt_encoder.prompt("a duck on grass")
        drawn.append(
            torch.stack(list(run(MotionStream(loaded.backbone()), tiny.controls(3, encoded))))
        )
    assert shipped[1].stat().st_size < 0.7 * trained.dit.stat().st_size
    assert torch.allclose(drawn[0], drawn[1], atol=2e-2)
    assert not torch.equal(drawn[0], drawn[1])
