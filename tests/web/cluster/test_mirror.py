"""A folder copied while it is written."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.cluster.mirror import CHUNK, FileMark, FilePiece, apply, changes, file_marks

NAMES = st.sampled_from(["a", "b", "sub/c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), NAMES, st.binary(max_size=8)),
        st.tuples(st.just("replace"), NAMES, st.binary(max_size=8)),
        st.tuples(st.just("truncate"), NAMES, st.just(b"")),
        st.tuples(st.just("delete"), NAMES, st.just(b"")),
        st.tuples(st.just("copy"), NAMES, st.just(b"")),
    ),
    max_size=25,
)


def change(folder: Path, step: str, name: str, data: bytes) -> None:
    """Change a file as a memory does: it grows, is cut short, or is replaced."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    match step:
        case "append":
            with path.open("ab") as file:
                file.write(data)
        case "replace":
            path.with_suffix(".new").write_bytes(data)
            path.with_suffix(".new").replace(path)
        case "truncate" if path.exists():
            os.truncate(path, 0)
        case "delete":
            path.unlink(missing_ok=True)
        case _:
            pass


def copy(source: Path, target: Path, before: dict[str, FileMark]) -> dict[str, FileMark]:
    now = file_marks(source)
    for piece in changes(source, before, now):
        apply(target, piece)
    return now


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@settings(max_examples=40)
@given(STEPS)
def test_a_copy_that_is_kept_up_to_date_is_the_folder(steps: list[Any]) -> None:
    """It equals a whole copy at each time it is brought up to date, whatever was changed before."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        source, target = Path(first), Path(second)
        marks: dict[str, FileMark] = {}
        for step, name, data in steps:
            change(source, step, name, data)
            if step == "copy":
                marks = copy(source, target, marks)
                assert contents(target) == contents(source)
        copy(source, target, marks)
        assert contents(target) == contents(source)


def test_only_what_was_appended_is_sent_again(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 1000)
    before = file_marks(tmp_path)
    with (tmp_path / "log").open("ab") as file:
        file.write(b"more")
    assert list(changes(tmp_path, before, file_marks(tmp_path))) == [
        FilePiece("log", 1000, b"more", fresh=False)
    ]


def test_a_large_file_comes_in_pieces_and_a_lock_stays(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (CHUNK + 1))
    (tmp_path / "lock").touch()
    pieces = list(changes(tmp_path, {}, file_marks(tmp_path)))
    assert [(piece.offset, len(piece.data or b""), piece.fresh) for piece in pieces] == [
        (0, CHUNK, True),
        (CHUNK, 1, False),
    ]


def test_no_piece_leaves_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside"):
        apply(tmp_path, FilePiece("../x", 0, b"", fresh=True))
