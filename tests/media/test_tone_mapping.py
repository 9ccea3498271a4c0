import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.tone_mapping import CODES, Primaries, Transfer, nits_to_pq, pq_to_nits, to_srgb


def shown(levels: list[float], transfer: Transfer, primaries: Primaries) -> list[int]:
    """Return what gray of these levels, from 0 to 1, is shown as."""
    codes = np.rint(np.array(levels) * (CODES - 1)).astype(np.uint16)
    pixels = to_srgb(np.repeat(codes[None, :, None], 3, axis=2), transfer, primaries)
    assert np.ptp(pixels, axis=2).max() <= 1  # gray stays gray
    return [int(value) for value in pixels[0, :, 1]]


def test_pq_is_that_of_its_standard() -> None:
    """Values of ITU-R BT.2408, table 1 and BT.2390, table 2."""
    known = {0.0: 0.0, 100.0: 0.508, 203.0: 0.581, 1_000.0: 0.752, 4_000.0: 0.903, 10_000.0: 1.0}
    codes = np.array(list(known.values()))
    np.testing.assert_allclose(nits_to_pq(np.array(list(known))), codes, atol=5e-4)
    np.testing.assert_allclose(pq_to_nits(nits_to_pq(np.array(list(known)))), list(known))


def test_dark_and_middle_tones_keep_their_light_and_bright_ones_are_told_apart() -> None:
    nits = [0, 10, 50, 203, 300, 450, 1_000, 10_000]
    levels = [float(code) for code in nits_to_pq(np.array(nits, float))]
    black, dark, middle, white, *highlights = shown(levels, Transfer.PQ, Primaries.BT2020)
    assert black == 0
    assert (dark, middle) == pytest.approx((63, 136), abs=1)  # sRGB of 10 / 203 and 50 / 203
    assert 220 < white < 240
    assert white < highlights[0] < highlights[1] < 255
    assert highlights[-2:] == [255, 255]


def test_hlg_of_the_level_of_white_is_shown_like_pq_of_it() -> None:
    """BT.2408: 75 % of HLG and 58 % of PQ are both white, at a peak of 1000 cd/m2."""
    (hlg,) = shown([0.75], Transfer.HLG, Primaries.BT2020)
    (pq,) = shown([0.581], Transfer.PQ, Primaries.BT2020)
    assert hlg == pytest.approx(pq, abs=1)
    assert shown([0, 1], Transfer.HLG, Primaries.BT2020) == [0, 255]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20).map(sorted))
def test_what_is_brighter_is_not_shown_darker(levels: list[float]) -> None:
    for transfer in Transfer:
        values = shown(levels, transfer, Primaries.BT709)
        assert values == sorted(values)


def test_srgb_itself_stays() -> None:
    levels = [value / 255 for value in range(256)]
    values = shown(levels, Transfer.GAMMA, Primaries.BT709)
    assert np.abs(np.array(values) - range(256)).max() <= 1


# ITU-R BT.2087, annex 2, and the inverse of sRGB's matrix times that of Display P3
MATRICES = {
    Primaries.BT2020: [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    Primaries.P3: [[1.2249, -0.2249, 0.0], [-0.0420, 1.0420, 0.0], [-0.0196, -0.0786, 1.0983]],
}


@pytest.mark.parametrize("primaries", list(MATRICES))
def test_colors_are_converted_by_the_matrices_of_their_standards(primaries: Primaries) -> None:
    nits = 15 + 15 * np.random.default_rng(4).random((16, 16, 3))  # dark: light stays as it is
    codes = np.rint(nits_to_pq(nits) * (CODES - 1)).astype(np.uint16)
    light = np.clip(nits @ np.array(MATRICES[primaries]).T / 203, 0.0031308, 1)
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(to_srgb(codes, Transfer.PQ, primaries) - expected).max() < 1.2
