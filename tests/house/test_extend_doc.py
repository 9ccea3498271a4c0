"""The examples of docs/extend.md run as they are printed."""

import re
from pathlib import Path

import numpy as np
import pytest

from media.frames import VIDEO_CLOCK_HZ
from media.pipeline.own_code.frame_filter import UserFrameFilter
from media.pipeline.own_code.handler import HandlerLoop
from media.pipeline.own_code.user_function import UserFunction
from tests.media.pipeline.scripted import picture
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "extend.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", TEXT, re.DOTALL))


def test_every_example_is_named_in_a_command() -> None:
    assert set(BLOCKS) == set(re.findall(r"^EYELINE_\w+=(\w+):\w+ ", TEXT, re.MULTILINE))


async def test_the_filter_mirrors_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filters.py").write_text(BLOCKS["filters"])
    monkeypatch.syspath_prepend(tmp_path)
    loop = HandlerLoop()
    try:
        frame = picture(2 * VIDEO_CLOCK_HZ)
        frame.pixels[:, :5] = 200
        filtered = await UserFrameFilter(UserFunction("filters:mirror"), loop).apply(frame)
    finally:
        loop.close()
    assert (filtered.pixels[20:, -5:] == 200).all()
    np.testing.assert_array_equal(filtered.pixels[0, 0], (255, 160, 0))
