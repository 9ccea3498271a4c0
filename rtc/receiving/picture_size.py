"""The size of a picture, read from the first RTP packet of a keyframe or from an encoded frame."""

import struct

from aiortc.codecs.vpx import VpxPayloadDescriptor

Size = tuple[int, int]  # width and height
VP8_START = b"\x9d\x01\x2a"  # RFC 6386, section 9.1
VP8_SIZE = 0x3FFF  # the upper two bits scale the picture for display
SPS, STAP_A = 7, 24  # H.264 table 7-1 and RFC 6184 table 1
WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # H.264, 7.3.2.1.1
MACROBLOCK = 16
START_CODE = b"\x00\x00\x01"  # H.264, annex B
MAX_NUMBER_BITS = 16  # of frame_num, H.264 section 7.4.2.1.1
MAX_SPS = 512  # bytes that are read; real ones have 20 to 60


def keyframe_size(codec: str, payload: bytes) -> Size | None:
    """Return the size of the keyframe that begins with this VP8 or H.264 packet, else None.

    None as well for what cannot be read.
    """
    try:
        size = _vp8_size(payload) if codec == "VP8" else _h264_size(payload)
    except (IndexError, ValueError, struct.error):
        return None
    return size if size is not None and min(size) > 0 else None


def frame_sizes(codec: str, frame: bytes) -> list[Size]:
    """Return the sizes that an encoded VP8 or H.264 frame sets, if it sets any.

    Raises:
        ValueError: a size cannot be read.
    """
    try:
        if codec.upper() == "VP8":
            sizes = [] if not frame or frame[0] & 1 else [_vp8_header_size(frame)]
        else:
            units = frame.split(START_CODE)
            sizes = [_sps_size(unit) for unit in units if unit and unit[0] & 0x1F == SPS]
    except (IndexError, struct.error) as error:
        raise ValueError(f"a {codec} frame whose size cannot be read: {error}") from error
    if any(min(size) <= 0 for size in sizes):
        raise ValueError(f"a {codec} frame without a picture: {sizes}")
    return sizes


def _vp8_size(payload: bytes) -> Size | None:
    descriptor, data = VpxPayloadDescriptor.parse(payload)
    starts = descriptor.partition_start and descriptor.partition_id == 0
    if not starts or data[0] & 1 or data[3:6] != VP8_START:
        return None
    return _vp8_header_size(data)


def _vp8_header_size(frame: bytes) -> Size:
    width, height = struct.unpack_from("<HH", frame, 6)
    return width & VP8_SIZE, height & VP8_SIZE


def _h264_size(payload: bytes) -> Size | None:
    kind = payload[0] & 0x1F
    if kind == SPS:
        return _sps_size(payload)
    place = 1
    while kind == STAP_A and place < len(payload):
        (length,) = struct.unpack_from("!H", payload, place)
        unit = payload[place + 2 : place + 2 + length]
        if unit and unit[0] & 0x1F == SPS:
            return _sps_size(unit)
        place += 2 + length
    return None


def frame_number_bits(unit: bytes) -> int:
    """Return the length of frame_num that a sequence parameter set tells: H.264, section 7.4.2.1.1.

    Raises:
        IndexError: it is cut off.
        ValueError: the length is none, or slices have the number of a color plane before it.
    """
    size, _, (_, separate) = _to_frame_number(unit)
    if separate:
        raise ValueError("separate color planes are not expected of a camera")
    if size > MAX_NUMBER_BITS:
        raise ValueError(f"frame_num has at most {MAX_NUMBER_BITS} bits, not {size}")
    return size


def _to_frame_number(unit: bytes) -> tuple[int, "Bits", tuple[int, int]]:
    """Return the bits of frame_num, what follows it, and the chroma format and its planes."""
    bits = Bits(unit[1:MAX_SPS].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.exp_golomb()  # the identifier
    chroma = _skip_chroma(bits) if profile in WITH_CHROMA else (1, 0)
    return bits.exp_golomb() + 4, bits, chroma


def _sps_size(unit: bytes) -> Size:
    """Return the size that a sequence parameter set describes: H.264, section 7.3.2.1.1."""
    _, bits, (chroma, separate) = _to_frame_number(unit)
    order = bits.exp_golomb()
    if order == 0:
        bits.exp_golomb()
    elif order == 1:
        bits.read(1)
        bits.exp_golomb()
        bits.exp_golomb()
        for _ in range(bits.exp_golomb()):
            bits.exp_golomb()
    bits.exp_golomb()  # max_num_ref_frames
    bits.read(1)
    width, height = bits.exp_golomb() + 1, bits.exp_golomb() + 1
    frames_only = bits.read(1)
    if not frames_only:
        bits.read(1)
        height *= 2
    bits.read(1)
    left, right, top, bottom = (bits.exp_golomb() for _ in range(4)) if bits.read(1) else (0,) * 4
    across = 2 if chroma in (1, 2) and not separate else 1
    down = (2 if chroma == 1 and not separate else 1) * (1 if frames_only else 2)
    return (
        width * MACROBLOCK - across * (left + right),
        height * MACROBLOCK - down * (top + bottom),
    )


def _skip_chroma(bits: "Bits") -> tuple[int, int]:
    """Return the chroma format and whether planes are separate; skip what follows for High."""
    chroma = bits.exp_golomb()
    separate = bits.read(1) if chroma == 3 else 0
    bits.exp_golomb()  # bit depths
    bits.exp_golomb()
    bits.read(1)
    if bits.read(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, separate


def _skip_scaling_list(bits: "Bits", size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.exp_golomb()
            delta = (code + 1) // 2 if code % 2 else -(code // 2)
            following = (last + delta) % 256
        last = following or last


class Bits:
    """Reads bits of H.264 from the left."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        """Return the next bits.

        Raises:
            IndexError: there are fewer.
        """
        if count > self._left:
            raise IndexError("the end of the data")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """Return an unsigned number: H.264, section 9.1."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("a number of more than 32 bits")
        return (1 << zeros) - 1 + self.read(zeros)
