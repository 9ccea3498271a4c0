"""Outputs of commands: what is refused before the work, and what is left after it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from media.recording.layout import EVENTS_FILE
from web.cli.main import main
from web.cli.output_file import check_standard_output, open_output
from web.errors import OutputError, UsageError


def write(
    output: Path, *inputs: Path, error: BaseException | None = None, text: str = "new"
) -> Path:
    """Write `text` and raise `error`; return the partial file."""
    with open_output(output, inputs) as file:
        if text:
            file.write(text)
        if error is not None:
            raise error
    return file.partial


def respelled(film: Path) -> Path:
    return film.parent / "." / ".." / film.parent.name / film.name


def symbolic(film: Path) -> Path:
    (film.parent / "folder").symlink_to(film.parent, target_is_directory=True)
    (film.parent / "link.mp4").symlink_to(film.parent / "folder" / film.name)
    return film.parent / "link.mp4"


def hard(film: Path) -> Path:
    os.link(film, film.parent / "hard.mp4")
    return film.parent / "hard.mp4"


@pytest.mark.parametrize("spelled", [lambda film: film, respelled, symbolic, hard])
def test_no_command_writes_to_its_input_however_it_is_spelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spelled: Callable[[Path], Path]
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film")
    (tmp_path / EVENTS_FILE).touch()  # a recording, which has other files, too
    output = str(spelled(film))
    assert main(["captions", str(film), "-o", output, "--format", "srt"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert main(["captions", str(tmp_path), "-o", output, "--format", "srt"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert main(["generate", "a duck", "--model", str(tmp_path), "-o", output]) == 2
    assert "is the input" in capsys.readouterr().err
    assert film.read_bytes() == b"a film"
    assert not list(tmp_path.glob("*.part"))


def test_standard_output_may_not_be_appended_to_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mp4"
    with film.open("a") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(UsageError, match="is the input"):
            check_standard_output([film])
        check_standard_output([tmp_path / "other.mp4"])


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outputs = [tmp_path, tmp_path / "none" / "a.vtt", tmp_path / "file" / "a.vtt"]
    outputs += [Path("/proc/a.vtt")] if sys.platform == "linux" else []
    for output in outputs:
        with pytest.raises(UsageError, match=r"choose another output|create it first|a folder"):
            write(output)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_protected_output_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a.vtt"
    output.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UsageError, match="write-protected"):
        write(output)


def test_the_old_output_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    output = tmp_path / "a.vtt"
    output.write_text("old")
    output.chmod(0o640)
    with open_output(output) as file:
        file.write("first\n")
        assert file.partial.read_text() == "first\n"
        assert output.read_text() == "old"
        file.write("second\n")
    assert output.read_text() == "first\nsecond\n"
    assert output.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("text", ["", "some"])
def test_after_an_error_the_old_output_is_intact_and_what_was_made_is_beside_it(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "a.vtt"
    output.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write(output, error=ZeroDivisionError(), text=text)
    assert output.read_text() == "old"
    partial = [path for path in tmp_path.iterdir() if path != output]
    assert [path.read_text() for path in partial] == [text] * bool(text)
    told = capsys.readouterr().err
    assert told == (f"what was made so far is in {partial[0]}\n" if text else "")


def test_ctrl_c_keeps_what_was_made_in_place(tmp_path: Path) -> None:
    output = tmp_path / "a.vtt"
    with pytest.raises(KeyboardInterrupt):
        write(output, error=KeyboardInterrupt(), text="")
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write(output, error=KeyboardInterrupt())
    assert output.read_text() == "new"
    assert list(tmp_path.iterdir()) == [output]


def test_an_empty_result_is_an_empty_file(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", text="")
    assert (tmp_path / "a.txt").read_text() == ""


def test_a_symbolic_link_to_an_output_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a.vtt").symlink_to(tmp_path / "real" / "b.vtt")
    write(tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").is_symlink()
    assert (tmp_path / "real" / "b.vtt").read_text() == "new"


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    output = tmp_path / ("ä" * 120 + ".vtt")  # 244 bytes of 255
    write(output)
    assert output.read_text() == "new"


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd")
def test_a_pipe_is_written_to_and_not_replaced() -> None:
    reading, writing = os.pipe()
    try:
        write(Path(f"/dev/fd/{writing}"))
        assert os.read(reading, 100) == b"new"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_an_error_with_the_name_of_the_output() -> None:
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space"):
        write(Path("/dev/full"))
