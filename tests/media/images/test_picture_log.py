import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from media.images.picture_log import RECENT, PictureLimits, PictureLog

LIMITS = PictureLimits(side=64)


def pixels(brightness: int) -> NDArray[np.uint8]:
    return np.full((90, 160, 3), brightness, np.uint8)


def brightness(jpeg: bytes | None) -> int | None:
    """Return about how bright a picture is, which is at most as large as asked for."""
    if jpeg is None:
        return None
    image = Image.open(io.BytesIO(jpeg))
    assert image.size == (64, 36)
    return round(float(np.asarray(image).mean()))


def look(log: PictureLog, time: int, *, kept: bool = False) -> None:
    log.add_look(pixels(time), time)
    if kept:
        log.keep(time)


@pytest.fixture(params=["folder", "RAM"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "pictures" if request.param == "folder" else None


def test_only_what_is_kept_outlasts_the_last_looks(home: Path | None) -> None:
    log = PictureLog(home, LIMITS)
    for time in range(40):
        look(log, time, kept=time % 10 == 0)
    assert [brightness(log.at(time)) for time in (0, 10, 20)] == [0, 10, 20]
    assert [brightness(log.at(time)) for time in (1, 11, 40 - RECENT - 1)] == [None] * 3
    assert brightness(log.at(40 - RECENT)) == 40 - RECENT
    assert [time for time, _ in log.last(2, until=30.5)] == [29, 30]
    assert log.last(0, until=50) == []


def test_a_look_may_be_kept_some_looks_later_and_one_that_is_gone_is_not(
    home: Path | None,
) -> None:
    log = PictureLog(home, LIMITS)
    for time in range(RECENT + 1):
        look(log, time)
    log.keep(1)
    log.keep(0)
    for time in range(50, 50 + RECENT):
        look(log, time)
    assert [brightness(log.at(time)) for time in (0, 1)] == [None, 1]


def test_the_oldest_go_when_the_space_is_full(home: Path | None) -> None:
    log = PictureLog(home, LIMITS)
    look(log, 0, kept=True)
    size = len(log.at(0) or b"")
    log = PictureLog(home, PictureLimits(side=64, space=round(3.5 * size)))
    for time in range(10, 20):
        look(log, time, kept=True)
    for time in range(50, 50 + RECENT):
        look(log, time)
    kept = [time for time in range(20) if log.at(time) is not None]
    assert kept == [17, 18, 19]
    if home is not None:
        assert sum(file.stat().st_size for file in home.iterdir()) <= 3.5 * size


def test_pictures_of_an_ended_session_are_there_again(tmp_path: Path) -> None:
    log = PictureLog(tmp_path, LIMITS)
    for time in (3, 7, 12):
        look(log, time, kept=True)
    again = PictureLog(tmp_path, LIMITS)
    assert brightness(again.at(7)) == 7
    assert [(time, brightness(jpeg)) for time, jpeg in again.last(2, until=11)] == [(3, 3), (7, 7)]
    (tmp_path / "000000007000.jpg").unlink()
    assert again.at(7) is None
    assert [time for time, _ in again.last(2, until=11)] == [3]
