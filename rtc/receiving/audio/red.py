"""Redundant audio (RED, RFC 2198): a packet repeats what earlier packets had."""

from dataclasses import dataclass

FOLLOWED = 0x80  # in the first byte of a header: another block follows
HEADER_SIZE = 4  # bytes of the header of a redundant block
MAX_BLOCKS = 10  # of one packet; Chromium sends one or two redundant ones


@dataclass(frozen=True, slots=True)
class RedBlock:
    """Sound of `age` ticks before the timestamp of its packet; the last block has age 0."""

    payload_type: int
    age: int
    payload: bytes


def parse_red(payload: bytes) -> list[RedBlock]:
    """Return the blocks of a packet, oldest first.

    Source: RFC 2198, section 3.

    Raises:
        ValueError: a header or a block is cut short, or there are more than MAX_BLOCKS.
    """
    headers: list[tuple[int, int, int]] = []  # payload type, age, size
    position = 0
    while position < len(payload) and payload[position] & FOLLOWED:
        word = int.from_bytes(payload[position : position + HEADER_SIZE], "big")
        headers.append((word >> 24 & 0x7F, word >> 10 & 0x3FFF, word & 0x3FF))
        position += HEADER_SIZE
    if position >= len(payload) or len(headers) >= MAX_BLOCKS:
        raise ValueError(f"expected redundant audio, got {len(headers)} headers and no block")
    last_type = payload[position] & 0x7F
    position += 1
    blocks = []
    for payload_type, age, size in headers:
        block = payload[position : position + size]
        if len(block) < size:
            raise ValueError(f"expected a redundant block of {size} bytes, got {len(block)}")
        blocks.append(RedBlock(payload_type, age, block))
        position += size
    return [*blocks, RedBlock(last_type, 0, payload[position:])]
