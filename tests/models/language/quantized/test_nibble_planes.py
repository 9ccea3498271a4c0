"""Quantized matrices as planes: their sum is what unpacking gives, for any bytes."""

import numpy as np
import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize
from hypothesis import given
from hypothesis import strategies as st

from models.language.quantized.nibble_planes import (
    BLOCK,
    PLANES,
    Bytes,
    concatenated,
    int8,
    nibble_planes,
)
from models.language.quantized.packed_linear import QuantizedEmbedding

Kind = GGMLQuantizationType
ROWS, COLUMNS = 6, 2 * BLOCK


def stored(kind: Kind, seed: int) -> tuple[Bytes, Kind]:
    """A matrix of random blocks with scales and offsets of about 1."""
    rng = np.random.default_rng(seed)
    blocks = ROWS * COLUMNS // BLOCK
    raw = rng.integers(0, 256, (blocks, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    halves = 2 if kind == Kind.Q4_1 else 1
    raw[:, : 2 * halves] = rng.standard_normal((blocks, halves)).astype(np.float16).view(np.uint8)
    return raw.reshape(ROWS, -1), kind


@given(kind=st.sampled_from(sorted(PLANES)), seed=st.integers(0, 10_000))
def test_planes_sum_to_the_unpacked_matrix(kind: Kind, seed: int) -> None:
    matrix = stored(kind, seed)
    made = nibble_planes(*matrix)
    assert all(plane.q.max() < 16 and plane.q.dtype == np.uint8 for plane in made)
    total = sum(plane.floats().astype(np.float64) for plane in made)
    # float32: of 8 bits the planes are larger than what they sum to
    np.testing.assert_allclose(total, dequantize(*matrix), atol=128 * 6e-7)


def test_a_type_without_planes_is_named() -> None:
    with pytest.raises(ValueError, match="type 7 cannot be kept in 4 bits"):
        nibble_planes(*stored(Kind.Q5_1, 0))
    with pytest.raises(ValueError, match="expected a tensor of type 8, got one of type 3"):
        int8(*stored(Kind.Q4_1, 0))


def test_whole_numbers_of_8_bits_times_their_scales_are_the_matrix() -> None:
    matrix = stored(Kind.Q8_0, 3)
    q, scale = int8(*matrix)
    product = (q.reshape(*scale.shape, BLOCK) * scale[..., None]).reshape(q.shape)
    np.testing.assert_array_equal(product, dequantize(*matrix))


def test_rows_are_joined_and_reordered_with_their_scales() -> None:
    one, two = stored(Kind.Q4_1, 1), stored(Kind.Q4_1, 2)
    (both,) = concatenated([nibble_planes(*one), nibble_planes(*two)])
    expected = np.concatenate([dequantize(*one), dequantize(*two)])
    np.testing.assert_allclose(both.floats(), expected, rtol=1e-6)
    order = np.random.default_rng(0).permutation(2 * ROWS)
    np.testing.assert_allclose(both.reordered(order).floats(), expected[order], rtol=1e-6)


@given(st.lists(st.integers(0, ROWS - 1), max_size=5), st.integers(0, 100))
def test_embeddings_are_the_rows_of_what_unpacking_gives(tokens: list[int], seed: int) -> None:
    """Of no tokens, too: what is unknown of a scene is an empty text."""
    raw, kind = stored(Kind.Q8_0, seed)
    expected = dequantize(raw, kind).reshape(ROWS, COLUMNS)[tokens]
    found = QuantizedEmbedding(raw, kind)(torch.tensor(tokens, dtype=torch.int64))
    np.testing.assert_array_equal(found.numpy(), expected)
