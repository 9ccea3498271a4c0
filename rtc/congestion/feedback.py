"""Transport-wide congestion control feedback on the wire: which packets arrived, and when.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from struct import pack, unpack_from

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TYPE, FORMAT = 205, 15  # of RTCP: transport layer feedback, RFC 4585 section 6.2
HEADER = 20  # bytes before the chunks, the RTCP header of 4 bytes among them
REFERENCE = 64_000  # microseconds: the unit of the reference time
DELTA = 250  # microseconds: the unit of a delta
MAX_SMALL, MAX_LARGE = 0xFF, 0x7FFF  # deltas of one and of two bytes
REFERENCE_WRAP = 1 << 24
NOT_RECEIVED, SMALL, LARGE = range(3)  # symbols; 3 is reserved
MAX_RUN = 0x1FFF
ONE_BIT, TWO_BIT = 14, 7  # symbols in a status vector
MAX_COUNT = 0xFFFF
MAX_STATUSES = 1 << 13  # in one report: a quarter of a second of a thousand times our bitrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One report: for the packets from `base` on, when each arrived or None.

    Sequence numbers have 16 bits and wrap. Times are in units of 250 us since the sender's origin,
    which wraps after twelve days.
    """

    sender_ssrc: int
    media_ssrc: int
    number: int
    base: int
    arrivals: tuple[int | None, ...]

    def __bytes__(self) -> bytes:
        """Return the RTCP packet.

        Raises:
            ValueError: there are no packets or too many, or arrivals lie too far apart.
        """
        if not 0 < len(self.arrivals) <= MAX_COUNT:
            raise ValueError(f"expected 1 to {MAX_COUNT} packets, got {len(self.arrivals)}")
        first = next((each for each in self.arrivals if each is not None), 0)
        reference = first * DELTA // REFERENCE
        symbols, deltas = _deltas(self.arrivals, reference * (REFERENCE // DELTA))
        body = pack(
            "!LLHHL",
            self.sender_ssrc,
            self.media_ssrc,
            self.base,
            len(self.arrivals),
            (reference % REFERENCE_WRAP) << 8 | self.number % 256,
        )
        body += b"".join(pack("!H", chunk) for chunk in _chunks(symbols)) + deltas
        padding = -len(body) % 4
        if padding:
            body += bytes(padding - 1) + bytes([padding])
        first_byte = 2 << 6 | bool(padding) << 5 | FORMAT
        return pack("!BBH", first_byte, TYPE, len(body) // 4) + body

    @classmethod
    def parse(cls, packet: bytes) -> "Feedback":
        """Read one RTCP packet; padding may follow the deltas.

        Raises:
            ValueError: it is no such report, or damaged.
        """
        if len(packet) < HEADER or packet[1] != TYPE or packet[0] & 0x1F != FORMAT:
            raise ValueError("expected a transport-wide feedback packet")
        sender, media, base, count, last = unpack_from("!LLHHL", packet, 4)
        if not 0 < count <= MAX_STATUSES:
            raise ValueError(f"expected a report of 1 to {MAX_STATUSES} packets, got {count}")
        symbols, place = _read_symbols(packet, count)
        time = (last >> 8) * (REFERENCE // DELTA)
        arrivals: list[int | None] = []
        for symbol in symbols:
            if symbol == NOT_RECEIVED:
                arrivals.append(None)
                continue
            size, form = (1, "!B") if symbol == SMALL else (2, "!h")
            if symbol > LARGE or place + size > len(packet):
                raise ValueError("the report has a reserved symbol or lacks deltas")
            time += unpack_from(form, packet, place)[0]
            place += size
            arrivals.append(time)
        return cls(
            sender_ssrc=sender,
            media_ssrc=media,
            number=last & 0xFF,
            base=base,
            arrivals=tuple(arrivals),
        )


def split_reports(compound: bytes) -> tuple[list[bytes], bytes]:
    """Return the feedback packets within an RTCP packet, and the rest of it; RFC 3550 section 6.1.

    aiortc refuses a whole compound for the padding of such a report. One that is damaged is
    returned as it is.
    """
    found: list[bytes] = []
    rest, place = b"", 0
    while place + 4 <= len(compound):
        size = 4 * (unpack_from("!H", compound, place + 2)[0] + 1)
        packet = compound[place : place + size]
        if len(packet) < size or packet[0] >> 6 != 2:
            return [], compound
        if packet[1] == TYPE and packet[0] & 0x1F == FORMAT:
            found.append(packet)
        else:
            rest += packet
        place += size
    return found, rest + compound[place:]


def fits(earlier: int, later: int) -> bool:
    """Return whether two arrivals can follow each other in one report."""
    return abs(later - earlier) <= MAX_LARGE


def _deltas(arrivals: Sequence[int | None], time: int) -> tuple[list[int], bytes]:
    """Return the symbol of each packet, and all deltas; `time` is the reference."""
    symbols, deltas = [], []
    for arrival in arrivals:
        if arrival is None:
            symbols.append(NOT_RECEIVED)
            continue
        delta, time = arrival - time, arrival
        if 0 <= delta <= MAX_SMALL:
            symbols.append(SMALL)
            deltas.append(pack("!B", delta))
        elif abs(delta) <= MAX_LARGE:
            symbols.append(LARGE)
            deltas.append(pack("!h", delta))
        else:
            raise ValueError(f"two arrivals lie {delta * DELTA / 1e6:g} s apart")
    return symbols, b"".join(deltas)


def _chunks(symbols: Sequence[int]) -> list[int]:
    """Return the shortest row of chunks that a greedy choice finds."""
    chunks: list[int] = []
    place = 0
    while place < len(symbols):
        run = len(next([*each] for _, each in groupby(symbols[place : place + MAX_RUN])))
        ones = symbols[place : place + ONE_BIT]
        fits_one_bit = LARGE not in ones
        if run >= (ONE_BIT if fits_one_bit else TWO_BIT) or run == len(symbols) - place:
            chunks.append(symbols[place] << 13 | run)
            place += run
        elif fits_one_bit:
            chunks.append(1 << 15 | _vector(ones, ONE_BIT, 1))
            place += ONE_BIT
        else:
            chunks.append(3 << 14 | _vector(symbols[place : place + TWO_BIT], TWO_BIT, 2))
            place += TWO_BIT
    return chunks


def _vector(symbols: Sequence[int], length: int, bits: int) -> int:
    """Return symbols of `bits` bits in one number, the first in the highest bits."""
    value = 0
    for symbol in [*symbols, *[NOT_RECEIVED] * (length - len(symbols))]:
        value = value << bits | symbol
    return value


def _read_symbols(packet: bytes, count: int) -> tuple[list[int], int]:
    """Return `count` symbols, and the place after their chunks."""
    symbols: list[int] = []
    place = HEADER
    while len(symbols) < count:
        if place + 2 > len(packet):
            raise ValueError("the report lacks chunks")
        chunk = unpack_from("!H", packet, place)[0]
        place += 2
        if not chunk >> 15:
            symbols += [chunk >> 13] * min(chunk & MAX_RUN, count - len(symbols))
            if not chunk & MAX_RUN:
                raise ValueError("the report has a run of no packets")
        elif chunk >> 14 & 1:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return symbols[:count], place
