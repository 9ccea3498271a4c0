"""RTP payloads of encoded frames: VP8 (RFC 7741) and H.264 (RFC 6184, packetization mode 1)."""

import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import pack

from rtc.sending.video.vp8_encoder import PATTERN, LayeredPicture

MAX_PAYLOAD = 1180  # bytes, so that a packet fits into 1280: IPv6's smallest MTU
START_CODE = re.compile(b"\x00\x00\x01")
STAP_A, FU_A = 24, 28  # types of RTP payloads, RFC 6184 table 1
NRI, TYPE = 0x60, 0x1F  # bits of a NAL unit's header
FU_START, FU_END = 0x80, 0x40
HEADER, LENGTH = 1, 2  # bytes of a NAL unit's header, and of a length in an aggregate
EXTENDED, NO_REFERENCE, START = 0x80, 0x20, 0x10  # first byte of VP8's descriptor
HAS_ID, HAS_BASE_INDEX, HAS_LAYER, HAS_KEY_INDEX = 0x80, 0x40, 0x20, 0x10
LONG_ID = 0x8000


class Vp8Payloads:
    """Numbers the frames and the base layer of one stream."""

    def __init__(self) -> None:
        self._picture = random.randrange(LONG_ID)
        self._base = random.randrange(256)
        self._key = random.randrange(32)

    def of(self, picture: LayeredPicture) -> list[bytes]:
        """Return the payloads of the next frame."""
        self._picture = (self._picture + 1) % LONG_ID
        self._base = (self._base + (picture.layer == 0)) % 256
        self._key = (self._key + picture.keyframe) % 32
        first = EXTENDED | (NO_REFERENCE if picture.layer == max(PATTERN) else 0)
        rest = pack(
            "!BHBB",
            HAS_ID | HAS_BASE_INDEX | HAS_LAYER | HAS_KEY_INDEX,
            LONG_ID | self._picture,
            self._base,
            picture.layer << 6 | picture.sync << 5 | self._key,
        )
        return [
            bytes([first | (0 if place else START)]) + rest + part
            for place, part in enumerate(_parts(picture.data, MAX_PAYLOAD - 1 - len(rest)))
        ]


def h264_payloads(data: bytes) -> list[bytes]:
    """Return the payloads of a frame in Annex B form."""
    payloads: list[bytes] = []
    together: list[bytes] = []
    for unit in _units(data):
        if together and sum(LENGTH + len(u) for u in (*together, unit)) + HEADER > MAX_PAYLOAD:
            payloads.append(_aggregate(together))
            together = []
        if len(unit) > MAX_PAYLOAD:
            payloads += _fragments(unit)
        else:
            together.append(unit)
    if together:
        payloads.append(_aggregate(together))
    return payloads


def _units(data: bytes) -> Iterator[bytes]:
    """Yield the NAL units; zeros before a start code do not belong to one."""
    codes = [found.span() for found in START_CODE.finditer(data)]
    ends = [*(start for start, _ in codes[1:]), len(data)]
    for (_, place), end in zip(codes, ends[: len(codes)], strict=True):
        if unit := data[place:end].rstrip(b"\x00"):
            yield unit


def _aggregate(units: Sequence[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    header = STAP_A | max(unit[0] & NRI for unit in units)
    return bytes([header]) + b"".join(pack("!H", len(unit)) + unit for unit in units)


def _fragments(unit: bytes) -> Iterator[bytes]:
    parts = _parts(unit[HEADER:], MAX_PAYLOAD - 2)
    for place, part in enumerate(parts):
        first = FU_START if place == 0 else FU_END if place == len(parts) - 1 else 0
        yield bytes([unit[0] & NRI | FU_A, first | unit[0] & TYPE]) + part


def _parts(data: bytes, most: int) -> list[bytes]:
    """Return `data` in parts of about the same size, at most `most` bytes."""
    count = max(1, -(-len(data) // most))
    edges = [len(data) * place // count for place in range(count + 1)]
    return [data[start:end] for start, end in pairwise(edges)]
