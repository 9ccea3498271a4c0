"""Reads the payload of a VP8 packet: RFC 7741, section 4."""

from rtc.receiving.video.packet import FrameInfo

EXTENDED, NON_REFERENCE, START, PARTITION = 0x80, 0x20, 0x10, 0x07  # of the first octet
PICTURE, BASE, LAYER, KEY = 0x80, 0x40, 0x20, 0x10  # of the extension: I, L, T, K
LONG = 0x80  # the picture identifier has 15 bits
SYNC = 0x20
DELTA = 0x01  # of the first octet of a frame, RFC 6386 section 9.1: not a keyframe


def read_vp8(payload: bytes) -> tuple[FrameInfo, bool, bytes]:
    """Return what `payload` says about its frame, whether it begins one, and its data.

    Raises:
        ValueError: it is malformed.
    """
    try:
        return _read(payload)
    except IndexError as error:
        raise ValueError(f"a VP8 payload of {len(payload)} bytes is cut off") from error


def _read(payload: bytes) -> tuple[FrameInfo, bool, bytes]:
    first = payload[0]
    extension = payload[1] if first & EXTENDED else 0
    place = 2 if first & EXTENDED else 1
    picture, pictures = None, 1 << 15
    base = layer = None
    sync = False
    if extension & PICTURE:
        picture, pictures = payload[place], 1 << 7
        place += 1
        if picture & LONG:
            picture, pictures = (picture & 0x7F) << 8 | payload[place], 1 << 15
            place += 1
    if extension & BASE:
        base = payload[place]
        place += 1
    if extension & (LAYER | KEY):
        if extension & LAYER:
            layer, sync = payload[place] >> 6, bool(payload[place] & SYNC)
        place += 1
    starts = bool(first & START) and not first & PARTITION
    keyframe = not payload[place] & DELTA and starts
    layered = base is not None and layer is not None
    info = FrameInfo(
        keyframe=keyframe,
        discardable=bool(first & NON_REFERENCE),
        picture=picture,
        pictures=pictures,
        layer=layer if layered else None,
        base=base if layered else None,
        sync=sync,
    )
    return info, starts, payload[place:]
