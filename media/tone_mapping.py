"""Maps high dynamic range and wide color to sRGB, as a player does on an ordinary screen.

The light of a frame in PQ or HLG is computed, compressed to what such a screen can show, converted
to the primaries of sRGB and encoded again. Each step for one channel is a table.

Sources: SMPTE ST 2084 (PQ); ITU-R BT.2100-2 (HLG); ITU-R BT.2390-10, section 5.4.1 (EETF);
ITU-R BT.2408-5, section 2.2 (the level of white); SMPTE RP 177 (matrices of primaries).
"""

from enum import Enum
from functools import lru_cache
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CODES = 65536  # values of a channel of 16 bits
PQ_PEAK = 10_000.0  # cd/m2
PEAK = 1_000.0  # cd/m2 that most films and phones are graded to; what is brighter becomes white
WHITE = 203.0  # cd/m2 of white paper, which an ordinary screen shows as its white
HLG_GAMMA = 1.2  # of the picture's system at a peak of 1000 cd/m2
PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 32
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 128, 2392 / 128
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
SRGB_STEPS = 4096  # of linear light: each is less than half a step of 8 bits, from 1 on


class Transfer(Enum):
    """How the values of a frame stand for light."""

    PQ = "pq"
    HLG = "hlg"
    GAMMA = "gamma"


class Primaries(Enum):
    """Which red, green and blue a frame is made of: chromaticities (x, y) of them."""

    BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
    BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
    P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


# By their code points in ITU-T H.273, which FFmpeg, PNG, HEIC and AVIF use.
TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
PRIMARIES = {9: Primaries.BT2020, 11: Primaries.P3, 12: Primaries.P3}


def coding_of(primaries: int, transfer: int) -> tuple[Transfer, Primaries] | None:
    """Return what `to_srgb` needs for the code points of a frame; None if it is sRGB as it is."""
    light = TRANSFERS.get(transfer, Transfer.GAMMA)
    default = Primaries.BT709 if light is Transfer.GAMMA else Primaries.BT2020
    colors = PRIMARIES.get(primaries, default)
    return None if (light, colors) == (Transfer.GAMMA, Primaries.BT709) else (light, colors)


def to_srgb(
    values: NDArray[np.uint16], transfer: Transfer, primaries: Primaries
) -> NDArray[np.uint8]:
    """Return uint16 RGB (height, width, 3) as sRGB, uint8 of the same shape."""
    light = _light(transfer)[values]  # float32, 1 is white
    if primaries is not Primaries.BT709:
        light = light @ _matrix(primaries).T
    steps = np.clip(light * (SRGB_STEPS - 1), 0, SRGB_STEPS - 1)
    return _encoded()[np.rint(steps).astype(np.uint16)]


@lru_cache(maxsize=3)
def _light(transfer: Transfer) -> NDArray[np.float32]:
    """Return the light on the screen for each of the codes: 1 is its white."""
    codes = np.arange(CODES) / (CODES - 1)
    match transfer:
        case Transfer.GAMMA:
            light = _srgb_to_linear(codes)
        case Transfer.PQ:
            light = _compressed(pq_to_nits(codes)) / WHITE
        case Transfer.HLG:
            light = _compressed(PEAK * _hlg_to_linear(codes) ** HLG_GAMMA) / WHITE
        case _:
            assert_never(transfer)
    return light.astype(np.float32)


def pq_to_nits(codes: Floats) -> Floats:
    """Return the light of PQ codes from 0 to 1, in cd/m2."""
    power = codes ** (1 / PQ_M2)
    return PQ_PEAK * (np.maximum(power - PQ_C1, 0) / (PQ_C2 - PQ_C3 * power)) ** (1 / PQ_M1)


def nits_to_pq(nits: Floats) -> Floats:
    """Return the PQ codes of light in cd/m2."""
    power = (nits / PQ_PEAK) ** PQ_M1
    return ((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2


def _compressed(nits: Floats) -> Floats:
    """Return light up to `PEAK` as light up to `WHITE`: dark stays, bright is rolled off."""
    top, screen = nits_to_pq(np.array([PEAK, WHITE]))
    level = np.minimum(nits_to_pq(nits) / top, 1)
    ceiling = screen / top
    knee = 1.5 * ceiling - 0.5
    part = np.maximum(level - knee, 0) / (1 - knee)
    cubic = (
        (2 * part**3 - 3 * part**2 + 1) * knee
        + (part**3 - 2 * part**2 + part) * (1 - knee)
        + (3 * part**2 - 2 * part**3) * ceiling
    )
    return pq_to_nits(np.where(level < knee, level, cubic) * top)


def _hlg_to_linear(codes: Floats) -> Floats:
    """Return the light in the scene, from 0 to 1, of HLG codes."""
    bright = (np.exp((np.maximum(codes, 0.5) - HLG_C) / HLG_A) + HLG_B) / 12
    return np.where(codes <= 0.5, codes**2 / 3, bright)


def _srgb_to_linear(codes: Floats) -> Floats:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=1)
def _encoded() -> NDArray[np.uint8]:
    """Return the sRGB value of each step of linear light: uint8 (SRGB_STEPS,)."""
    light = np.arange(SRGB_STEPS) / (SRGB_STEPS - 1)
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    encoded: NDArray[np.uint8] = np.rint(codes * 255).astype(np.uint8)
    return encoded


@lru_cache(maxsize=2)
def _matrix(primaries: Primaries) -> NDArray[np.float32]:
    """Return the matrix from linear RGB of `primaries` to that of sRGB: float32 (3, 3)."""
    to_xyz, from_srgb = _to_xyz(primaries), _to_xyz(Primaries.BT709)
    matrix: NDArray[np.float32] = (np.linalg.inv(from_srgb) @ to_xyz).astype(np.float32)
    return matrix


def _to_xyz(primaries: Primaries) -> Floats:
    """Return the matrix from linear RGB to CIE XYZ, with the white D65."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries.value]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    xyz: Floats = columns * np.linalg.solve(columns, white)
    return xyz
