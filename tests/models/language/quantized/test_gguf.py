"""Files are written here byte by byte, as the format says, and read back."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import WeightsError
from models.language.quantized.gguf import UNPACK, read

Entry = tuple[str, int, bytes]  # key, type of value, value
Tensor = tuple[str, tuple[int, ...], int, bytes]  # name, shape as in PyTorch, type, content


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def write(entries: list[Entry], tensors: list[Tensor], alignment: int = 32) -> bytes:
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, kind, value in entries:
        out += text(key) + struct.pack("<I", kind) + value
    at = 0
    body = b""
    for name, shape, kind, content in tensors:
        out += text(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        out += struct.pack("<IQ", kind, at)
        body += content + b"\0" * (-len(content) % alignment)
        at = len(body)
    return out + b"\0" * (-len(out) % alignment) + body


def test_metadata_of_every_kind_is_read_back(tmp_path: Path) -> None:
    strings = struct.pack("<IQ", 8, 2) + text("a b") + text("é")
    entries: list[Entry] = [
        ("name", 8, text("small")),
        ("count", 4, struct.pack("<I", 7)),
        ("rate", 6, struct.pack("<f", 0.5)),
        ("flag", 7, b"\1"),
        ("words", 9, strings),
    ]
    (tmp_path / "x.gguf").write_bytes(write(entries, []))
    file = read(tmp_path / "x.gguf")
    assert file.metadata == {
        "name": "small",
        "count": 7,
        "rate": 0.5,
        "flag": True,
        "words": ["a b", "é"],
    }
    assert file.strings("words") == ["a b", "é"]
    assert file.number("rate") == 0.5
    with pytest.raises(WeightsError, match="no number 'name'"):
        file.number("name")


@given(st.data())
def test_quantized_blocks_are_unpacked_weight_by_weight(data: st.DataObject) -> None:
    """Each type against its definition, written as a plain loop."""
    kind = data.draw(st.sampled_from([2, 3, 6, 7, 8]))
    size, count, unpack = UNPACK[kind]
    raw = bytearray(data.draw(st.binary(min_size=size, max_size=size)))
    scale, low = data.draw(st.floats(-4, 4, width=16)), data.draw(st.floats(-4, 4, width=16))
    raw[:2] = struct.pack("<e", scale)
    if kind in (3, 7):
        raw[2:4] = struct.pack("<e", low)
    low = low if kind in (3, 7) else 0.0
    expected = [scale * level(kind, bytes(raw), i) + low for i in range(count)]
    found = unpack(np.frombuffer(bytes(raw), np.uint8)[None])
    np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-6)


def level(kind: int, raw: bytes, i: int) -> int:
    """Return the whole number that weight `i` of a block is stored as."""
    if kind == 8:
        return struct.unpack_from("<b", raw, 2 + i)[0]  # type: ignore[no-any-return]  # an int
    start = {2: 2, 3: 4, 6: 6, 7: 8}[kind]
    byte = raw[start + i % 16]
    value = byte & 15 if i < 16 else byte >> 4
    if kind in (6, 7):
        bits = struct.unpack_from("<I", raw, start - 4)[0]
        value += 16 * (bits >> i & 1)
    return value - {2: 8, 6: 16}.get(kind, 0)


def test_tensors_have_their_shape_with_the_fastest_axis_last(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    half = np.arange(4, dtype=np.float16)
    tensors: list[Tensor] = [
        ("a", (2, 3), 0, values.tobytes()),
        ("b", (4,), 1, half.tobytes()),
    ]
    (tmp_path / "x.gguf").write_bytes(write([], tensors))
    file = read(tmp_path / "x.gguf")
    np.testing.assert_array_equal(file.tensors["a"], values)
    np.testing.assert_array_equal(file.tensors["b"], half.astype(np.float32))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\3\4 something else", "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (write([], [("a", (32,), 0, b"\0" * 64)]), "ends within a tensor"),
        (write([], [("a", (32,), 99, b"\0" * 64)]), "unknown type of tensor 99"),
        (write([("k", 8, struct.pack("<Q", 1000))], []), "ends within a string"),
        (write([("k", 77, b"")], []), "unknown type of value 77"),
    ],
)
def test_a_damaged_file_is_told_from_a_missing_one(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(WeightsError, match=said):
        read(tmp_path / "x.gguf")
    with pytest.raises(WeightsError, match="cannot be read"):
        read(tmp_path / "y.gguf")


@given(cut=st.integers(0, 200))
def test_a_file_cut_anywhere_is_an_error_and_never_half_read(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    whole = write([("name", 8, text("small"))], [("a", (32,), 3, bytes(range(20)))])
    file = tmp_path_factory.mktemp("cut") / "x.gguf"
    file.write_bytes(whole[: min(cut, len(whole) - 13)])  # 12 bytes of padding follow the tensor
    with pytest.raises(WeightsError):
        read(file)
