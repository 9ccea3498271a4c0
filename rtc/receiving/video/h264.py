"""Reads the payload of an H.264 packet: RFC 6184, section 5."""

from dataclasses import dataclass

from aiortc.codecs.h264 import H264PayloadDescriptor

from rtc.receiving.picture_size import Bits, frame_number_bits
from rtc.receiving.video.packet import FrameInfo

SLICE, IDR, SPS, DELIMITER = 1, 5, 7, 9  # types of NAL units, H.264 table 7-1
STAP_A, FU_A = 24, 28  # RFC 6184, table 1
TYPE, REFERENCE, FIRST_FRAGMENT = 0x1F, 0x60, 0x80
HEADER = 24  # bytes of a slice, which hold what is read of its header


@dataclass(frozen=True, slots=True)
class H264Payload:
    """What a payload says about its frame; the fields are those of `VideoPacket`."""

    info: FrameInfo
    starts: bool | None
    shows: bool
    data: bytes


class H264Reader:
    """Reads payloads of one stream; it knows the last parameter set."""

    def __init__(self) -> None:
        self._number_bits: int | None = None

    def read(self, payload: bytes) -> H264Payload:
        """Return what `payload` says.

        Raises:
            ValueError: it is malformed, or of a kind that was not agreed on.
        """
        _, data = H264PayloadDescriptor.parse(payload)
        keyframe = shows = reference = False
        starts: bool | None = None
        number: int | None = None
        for unit in _units(payload):
            kind = unit[0] & TYPE
            if kind == SPS:
                self._read_parameters(unit)
            if kind in (SPS, DELIMITER):
                starts = True
            if kind in (SLICE, IDR):
                shows = True
                keyframe = keyframe or kind == IDR
                reference = reference or bool(unit[0] & REFERENCE)
                first, found = self._read_slice(unit)
                number = found if number is None else number
                starts = True if first and kind == SLICE else starts
        if payload[0] & TYPE == FU_A and not payload[1] & FIRST_FRAGMENT:
            kind, starts = payload[1] & TYPE, False
            shows, keyframe = kind in (SLICE, IDR), kind == IDR
            reference = bool(payload[0] & REFERENCE)
        info = FrameInfo(
            keyframe=keyframe,
            discardable=shows and not reference,
            number=number,
            numbers=1 << (self._number_bits or 0),
        )
        return H264Payload(info, starts, shows, data)

    def _read_parameters(self, unit: bytes) -> None:
        try:
            self._number_bits = frame_number_bits(unit)
        except (IndexError, ValueError):
            self._number_bits = None

    def _read_slice(self, unit: bytes) -> tuple[bool, int | None]:
        """Return whether a slice is the first of its frame, and frame_num: H.264, section 7.3.3."""
        bits = Bits(unit[1:HEADER].replace(b"\x00\x00\x03", b"\x00\x00"))
        try:
            first = bits.exp_golomb() == 0
            bits.exp_golomb()  # the type of the slice
            bits.exp_golomb()  # its picture parameter set
            return first, None if self._number_bits is None else bits.read(self._number_bits)
        except (IndexError, ValueError):
            return False, None


def _units(payload: bytes) -> list[bytes]:
    """Return the beginnings of the NAL units that begin in `payload`, which was checked."""
    kind = payload[0] & TYPE
    if kind == STAP_A:
        units, place = [], 1
        while place + 2 <= len(payload):
            size = int.from_bytes(payload[place : place + 2], "big")
            units.append(payload[place + 2 : place + 2 + size])
            place += 2 + size
        return [unit for unit in units if unit]
    if kind == FU_A:
        if not payload[1] & FIRST_FRAGMENT:
            return []
        return [bytes([payload[0] & ~TYPE | payload[1] & TYPE]) + payload[2:]]
    return [payload]
