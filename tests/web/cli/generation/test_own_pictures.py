"""Pictures of the user's own in `eyeline generate`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.generation.small.loading import find_files, load_files
from models.generation.small.prompts.vocabulary import Vocabulary
from tests.models.generation import tiny
from web.cli.generation.generate import VideoRequest, generate_frames
from web.cli.generation.inputs import TimedPrompt
from web.cli.generation.own_pictures import own_looks, picture_notices, read_looks
from web.cli.main import main
from web.errors import UNDRAWABLE, UsageError

KNOWN = Vocabulary((("duck",),), (("grass",),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    tiny.files(made, looked=True)
    return made


@pytest.fixture(scope="module")
def mug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a picture of something red on a white wall."""
    file = tmp_path_factory.mktemp("pictures") / "mug.png"
    picture = Image.new("RGB", (80, 60), "white")
    picture.paste((200, 40, 30), (20, 10, 50, 50))
    picture.save(file)
    return file


def test_pictures_are_read_cut_and_named(mug: Path) -> None:
    pictures = read_looks([f"My Mug={mug}", f"duck={mug}"], [f"wall={mug}"], whole=False)
    looks = own_looks(pictures, KNOWN)
    assert [(look.name, look.role) for look in looks] == [
        ("mug", "thing"),
        ("duck", "thing"),
        ("wall", "background"),
    ]
    assert picture_notices(pictures, KNOWN) == [
        'picture "mug": its plain background was cut away',
        'picture "duck": its plain background was cut away, in place of the model\'s own duck',
        'picture "wall": the whole picture is drawn',
    ]
    (whole,) = read_looks([f"mug={mug}"], [], whole=True)
    assert whole.by == "whole"


def test_what_is_no_picture_or_no_name_is_a_usage_error(mug: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.png"
    text.write_text("not a picture")
    for option, why in (
        ("mug", "expected NAME=PICTURE"),
        (f"={mug}", "expected NAME=PICTURE"),
        (f"mug={tmp_path / 'none.png'}", "cannot be read"),
        (f"mug={text}", "a.png: "),
    ):
        with pytest.raises(UsageError, match=why):
            read_looks([option], [], whole=False)
    with pytest.raises(UsageError, match="a color in prompts"):
        own_looks(read_looks([f"red={mug}"], [], whole=False), KNOWN)
    with pytest.raises(UsageError, match='two pictures are called "mug"'):
        own_looks(read_looks([f"mug={mug}"], [f"my mug={mug}"], whole=False), KNOWN)


def test_a_film_is_drawn_from_the_pictures_that_its_prompts_name(folder: Path, mug: Path) -> None:
    model = load_files(find_files(folder))
    pictures = read_looks([f"mug={mug}", f"duck={mug}"], [], whole=False)

    def frames(text: str, count: int) -> np.ndarray:
        request = VideoRequest(
            prompts=(TimedPrompt(0.0, text),), seconds=0.25, pictures=pictures[:count]
        )
        return np.stack(list(generate_frames(model, request)))

    shipped, mine = frames("a duck on grass", 0), frames("a duck on grass", 2)
    assert (shipped != mine).any()
    np.testing.assert_array_equal(shipped, frames("a duck on grass", 1))  # names no picture
    np.testing.assert_array_equal(mine, frames("a mug on grass", 2))


def test_the_command_draws_what_it_did_not_know(
    folder: Path,
    mug: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EYELINE_BACKEND", "torch")
    output = tmp_path / "mug.mp4"
    command = ["generate", "my mug on grass", "--model", str(folder), "-o", str(output)]
    command += ["--seconds", "0.25"]
    assert main(command) == UNDRAWABLE
    assert main([*command, "--look", f"mug={mug}"]) == 0
    assert output.stat().st_size > 0
    assert 'picture "mug": its plain background was cut away' in capsys.readouterr().err
    (folder / "looks.zip").rename(tmp_path / "looks.zip")
    tiny.files(folder)
    assert main([*command, "--look", f"mug={mug}"]) == 2
    assert "draws from words alone" in capsys.readouterr().err
