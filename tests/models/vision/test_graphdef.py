"""Frozen graphs written here field by field, as protocol buffers are, and read back."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import WeightsError
from models.vision.graphdef import constants


def number(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(key: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return number(key << 3) + number(value)
    return number(key << 3 | 2) + number(len(value)) + value


def constant(name: str, values: np.ndarray, *, packed: bool = False, kind: int = 1) -> bytes:
    shape = b"".join(field(2, field(1, size)) for size in values.shape)
    tensor = field(1, kind) + field(2, shape) + field(5 if packed else 4, values.tobytes())
    attribute = field(1, b"value") + field(2, field(8, tensor))
    return field(1, field(1, name.encode()) + field(2, b"Const") + field(5, attribute))


@given(st.lists(st.integers(1, 4), max_size=3), st.booleans())
def test_constants_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], packed: bool
) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    other = field(1, field(1, b"relu") + field(2, b"Relu6") + field(3, b"conv"))
    whole = other + constant("a/weights", values, packed=packed)
    whole += constant("steps", np.array([3], np.int32), kind=3) + field(4, field(1, 300))
    file = tmp_path_factory.mktemp("graph") / "x.pb"
    file.write_bytes(whole)
    found = constants(file)
    assert set(found) == {"a/weights"}
    np.testing.assert_array_equal(found["a/weights"], values)


def test_one_number_stands_for_a_whole_tensor(tmp_path: Path) -> None:
    shape = field(2, field(1, 2)) + field(2, field(1, 3))
    tensor = field(1, 1) + field(2, shape) + field(5, struct.pack("<f", 0.5))
    node = field(1, b"b") + field(2, b"Const")
    node += field(5, field(1, b"value") + field(2, field(8, tensor)))
    (tmp_path / "x.pb").write_bytes(field(1, node))
    np.testing.assert_array_equal(constants(tmp_path / "x.pb")["b"], np.full((2, 3), 0.5))


def test_a_missing_and_a_damaged_graph_are_different_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        constants(tmp_path / "x.pb")
    whole = constant("a", np.arange(8, dtype=np.float32))
    (tmp_path / "x.pb").write_bytes(whole[:-3])
    with pytest.raises(WeightsError, match="not a whole TensorFlow graph"):
        constants(tmp_path / "x.pb")
