"""Files of the gguf package's writer are read back, and damaged ones are refused."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import WeightsError
from models.language.quantized.gguf_file import read
from tests.models.language.quantized.quantized_file import Kind, write


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def test_metadata_of_every_kind_is_read_back(tmp_path: Path) -> None:
    fields = {"name": "small", "count": 7, "rate": 0.5, "flag": True, "words": ["a b", "é"]}
    write(tmp_path / "x.gguf", {**fields, "ids": [3, -1]}, {})
    file = read(tmp_path / "x.gguf")
    assert {key: file.fields[key].contents() for key in fields} == fields
    assert file.array("words") == ["a b", "é"]
    assert file.array("ids") == [3, -1]
    assert file.number("rate") == 0.5
    with pytest.raises(WeightsError, match="no number 'name'"):
        file.number("name")
    with pytest.raises(WeightsError, match="no array 'rate'"):
        file.array("rate")


def test_tensors_have_their_shape_with_the_fastest_axis_last(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    half = np.arange(4, dtype=np.float16)
    write(tmp_path / "x.gguf", {}, {"a": (values, Kind.F32), "b": (half, Kind.F16)})
    file = read(tmp_path / "x.gguf")
    np.testing.assert_array_equal(file.floats("a"), values)
    np.testing.assert_array_equal(file.floats("b"), half.astype(np.float32))


def whole_file(folder: Path) -> bytes:
    """Return a file with a field `name`, and a tensor that 12 bytes of padding follow."""
    block = np.arange(20, dtype=np.uint8)[None]
    write(folder / "whole.gguf", {"name": "small"}, {"a": (block, Kind.Q4_1)})
    return (folder / "whole.gguf").read_bytes()


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        assert content.count(old) == 1
        return content.replace(old, new)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"PK\3\4 something else", "GGUF magic invalid"),
        (replaced(b"GGUF\3", b"GGUF\1"), "version 1"),
        (lambda content: content[:-13], "buffer is smaller than requested"),  # within the tensor
        (
            replaced(struct.pack("<QI", 1, Kind.Q4_1), struct.pack("<QI", 1, 99)),
            "99. is not a valid",
        ),
        (replaced(text("small"), struct.pack("<Q", 1000) + b"small"), "buffer is smaller than"),
        (replaced(text("name") + b"\x08", text("name") + b"\x4d"), "77. is not a valid"),
        (lambda _: b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "buffer is smaller than"),  # big-endian
        (lambda _: b"", "empty file"),
    ],
)
def test_a_damaged_file_is_distinguished_from_a_missing_one(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    (tmp_path / "x.gguf").write_bytes(damage(whole_file(tmp_path)))
    with pytest.raises(WeightsError, match=f"not a whole GGUF file .*{message}.*; fetch it again"):
        read(tmp_path / "x.gguf")
    with pytest.raises(WeightsError, match="cannot be read"):
        read(tmp_path / "y.gguf")


@given(cut=st.integers(0, 300))
def test_a_file_cut_anywhere_is_an_error_and_never_half_read(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = whole_file(folder)
    (folder / "x.gguf").write_bytes(whole[: min(cut, len(whole) - 13)])
    with pytest.raises(WeightsError):
        read(folder / "x.gguf")
