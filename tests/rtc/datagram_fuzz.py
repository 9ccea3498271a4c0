"""Damaged datagrams to a connected peer, of strangers and of the peer's client itself.

Real packets of a real client are damaged before they are encrypted with its keys, so they pass
authentication and reach every parser behind it. They are given to the peer's socket by a call:
a million takes minutes. `tests.bench.fuzz_datagrams` runs many, a test some.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from aioice import stun
from aiortc.rtp import is_rtcp
from google_crc32c import value as crc32c
from OpenSSL import SSL

from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.aiortc_patches.datagrams import GuardedProtocol
from rtc.peer import Peer
from tests.fuzz.packets import reports
from tests.rtc.client import Client, collect

SEEDS_KEPT = 200  # packets of each kind
SCTP_CHUNKS = (*range(15), 64, 130, 192)  # RFC 9260 section 3.2, RFC 6525, RFC 3758
KINDS = ("stranger", "stun", "dtls", "rtp", "rtcp", "feedback", "sctp", "message")
PROTOCOLS = (50, 51, 53, 54, 55, 56, 57, 0)  # of messages: RFC 8831 section 8
MESSAGES = (
    b"\x03\x00" + bytes(7) + b"\x05\x00\x00label",  # opens a channel: RFC 8832, section 5
    b"\x02",
    b'{"type": "session.update", "session": {"type": "realtime"}}',
    "\u00e9\u2028\U0001f600".encode(),
)
BATCH = 50  # cases between two turns of the event loop
STRANGER = ("198.51.100.9", 4_000)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return `data` after one to four changes."""
    packet = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(packet)) if packet else 0
        match rng.randrange(7):
            case 0 if packet:
                packet[place] = rng.randrange(256)
            case 1 if packet:
                packet[place] ^= 1 << rng.randrange(8)
            case 2 if packet:  # a length, a count or a sequence number
                packet[place : place + 2] = rng.choice([b"\x00\x00", b"\xff\xff", b"\x00\x01"])
            case 3:
                del packet[place:]
            case 4:
                del packet[place : place + rng.randrange(1, 20)]
            case 5:
                packet[place:place] = rng.randbytes(rng.randrange(1, 20))
            case _:
                packet += packet[place:] * rng.randrange(1, 4)
    return bytes(packet[:1400])


@dataclass
class Seeds:
    """Packets that the client has sent, before encryption."""

    stun: list[bytes] = field(default_factory=list)
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    sctp: list[bytes] = field(default_factory=list)

    def keep(self, packets: list[bytes], data: bytes) -> None:
        if len(packets) < SEEDS_KEPT:
            packets.append(data)


def record_seeds(client: Client) -> Seeds:
    """Keep what `client` sends from now on."""
    seeds, transport = Seeds(), client.transport
    send_rtp, send_data = transport._send_rtp, transport._send_data

    async def keep_rtp(data: bytes) -> None:
        seeds.keep(seeds.rtcp if is_rtcp(data) else seeds.rtp, data)
        await send_rtp(data)

    async def keep_data(data: bytes) -> None:
        seeds.keep(seeds.sctp, data)
        await send_data(data)

    transport._send_rtp, transport._send_data = keep_rtp, keep_data  # type: ignore[method-assign]
    return seeds


async def seeds_of(client: Client, peer: Peer) -> Seeds:
    """Return packets of every kind that `client` has sent."""
    seeds = record_seeds(client)
    await client.opened.wait()
    assert client.channel is not None
    client.channel.send("a message")
    client.channel.send("a longer message " * 200)
    await collect(peer, pictures=10, sounds=10)
    assert [len(await anext(peer.messages)) for _ in range(2)] == [9, 3400]
    while not (seeds.rtp and seeds.rtcp and seeds.sctp):  # noqa: ASYNC110  (lists have no event)
        await asyncio.sleep(0.01)
    return seeds


class DatagramFuzzer:
    """Gives damaged datagrams to a socket of `peer`, with the keys of `client`, which goes silent.

    Counts the cases of each kind, and the messages that the peer's association has delivered. Some
    cases abort the association, as a client may: its channels close, and what it delivers is lost.
    """

    def __init__(self, client: Client, peer: Peer, seeds: Seeds, rng: random.Random) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self.delivered = 0
        self._messages = 0
        self._rng = rng
        self._client = client
        self._peer = peer
        self._seeds = seeds
        ours = ice_connection(transports(peer._connection)[0].transport)
        (pair,) = ours._nominated.values()
        assert isinstance(pair.protocol, GuardedProtocol)
        self._socket = pair.protocol
        self._address = pair.remote_addr
        self._ours = ours
        self._ice = ice_connection(client.transport.transport)
        (self._pair,) = self._ice._nominated.values()
        self._password = ours.local_password.encode()
        self._count_delivered()
        client.drop_transport()
        client.transport._send_rtp = _send_nothing  # type: ignore[method-assign, assignment]
        self._makers: dict[str, Callable[[], bytes]] = {
            "stranger": self._anything,
            "stun": self._stun,
            "dtls": self._dtls,
            "rtp": self._rtp,
            "rtcp": self._rtcp,
            "feedback": self._feedback,
            "sctp": self._sctp,
            "message": self._message,
        }
        senders = (client.connection.getSenders(), peer._connection.getSenders())
        own, other = (next((s._ssrc for s in each if s.kind == "video"), 1) for each in senders)
        self._reports = reports(own, other)

    def _count_delivered(self) -> None:
        sctp = self._peer._connection.sctp
        assert sctp is not None
        receive = sctp._receive

        async def count(stream: int, protocol: int, data: bytes) -> None:
            self.delivered += 1
            await receive(stream, protocol, data)

        sctp._receive = count  # type: ignore[method-assign, assignment]

    async def run(self, cases: int) -> None:
        """Send `cases` datagrams; the peer reads them before this returns."""
        names = list(self._makers)
        for number in range(cases):
            name = names[number % len(names)]
            self.counts[name] += 1
            datagram = self._makers[name]()
            if datagram is not None:
                address = STRANGER if name == "stranger" else self._address
                self._socket.datagram_received(datagram, address)
            if number % BATCH == 0:
                await self._settle()
        await self._settle()

    async def _settle(self) -> None:
        """Wait until everything that was queued is read."""
        while self._ours._queue.qsize() and not self._peer.closed.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._messages = 0
        while self._peer.messages._received:  # nobody else reads them
            await anext(self._peer.messages)

    def _anything(self) -> bytes:
        rng = self._rng
        if rng.random() < 0.3:
            return rng.randbytes(rng.randrange(80))
        kinds = [self._seeds.rtp, self._seeds.rtcp, self._seeds.sctp]
        if rng.random() < 0.5:
            return damaged(bytes(self._request()), rng)
        return damaged(rng.choice(rng.choice(kinds)), rng)

    def _request(self) -> stun.Message:
        request = self._ice.build_request(self._pair, nominate=self._rng.random() < 0.5)
        request.add_message_integrity(self._password)
        return request

    def _stun(self) -> bytes:
        """Return a check whose damage its own integrity covers."""
        rng = self._rng
        request = self._ice.build_request(self._pair, nominate=False)
        for name in list(request.attributes):
            if rng.random() < 0.2:
                del request.attributes[name]
        body = damaged(bytes(request)[20:], rng)
        body = body[: len(body) // 4 * 4]
        kind = rng.choice([1, 1, 1, 0x101, 0x111, 0x11, 3, 9])
        head = pack("!HHI", kind, len(body), stun.COOKIE) + rng.randbytes(12)
        integrity = stun.message_integrity(head + body, self._password)
        body += pack("!HH", 8, 20) + integrity
        head = pack("!HHI", kind, len(body), stun.COOKIE) + head[8:]
        return head + body

    def _dtls(self) -> bytes:
        """Return a damaged record."""
        return damaged(self._encrypted(self._rng.choice(self._seeds.sctp)), self._rng)

    def _rtp(self) -> bytes:
        return self._protected(self._seeds.rtp, self._client.transport._tx_srtp.protect)

    def _rtcp(self) -> bytes:
        return self._protected(self._seeds.rtcp, self._client.transport._tx_srtp.protect_rtcp)

    def _feedback(self) -> bytes:
        """Return reports of every kind about the peer's own video, in one damaged packet."""
        chosen = self._rng.choices(self._reports, k=self._rng.randint(1, 3))
        return self._protected([b"".join(chosen)], self._client.transport._tx_srtp.protect_rtcp)

    def _protected(self, seeds: list[bytes], protect: Callable[[bytes], bytes]) -> bytes:
        packet = damaged(self._rng.choice(seeds), self._rng)
        packet = bytes([0x80 | packet[0] & 0x3F, *packet[1:]]) if packet else b""
        try:
            return protect(packet)
        except Exception:  # noqa: BLE001  (libsrtp protects nothing shorter than a header)
            return packet

    def _sctp(self) -> bytes:
        """Return an encrypted packet with a valid tag and checksum, of damaged or made chunks."""
        rng = self._rng
        chunks = damaged(rng.choice(self._seeds.sctp)[12:], rng)
        if rng.random() < 0.5:
            body = rng.randbytes(rng.randrange(40))
            chunks = pack("!BBH", rng.choice(SCTP_CHUNKS), rng.randrange(8), len(body) + 4) + body
        if chunks and chunks[0] in (6, 7, 14) and rng.random() < 0.99:  # would end the association
            chunks = bytes([0]) + chunks[1:]
        return self._associated(chunks)

    def _message(self) -> bytes:
        """Return an encrypted packet with the next message, damaged, of a kind that may not fit."""
        rng = self._rng
        sctp = self._peer._connection.sctp
        assert sctp is not None
        body = damaged(rng.choice(MESSAGES), rng)
        self._messages += 1  # since the peer last had its turn
        number = ((sctp._last_received_tsn or 0) + self._messages) % (1 << 32)
        channel = self._client.channel
        assert channel is not None
        assert channel.id is not None
        stream = rng.choice([channel.id, rng.randrange(20)])
        head = pack("!LHHL", number, stream, 0, rng.choice(PROTOCOLS))
        flags = 7  # unordered, a whole message: RFC 9260, section 3.3.1
        chunk = pack("!BBH", 0, flags, 16 + len(body)) + head + body
        return self._associated(chunk + bytes(-len(chunk) % 4))

    def _associated(self, chunks: bytes) -> bytes:
        """Return chunks as an encrypted packet of the association."""
        sctp = self._peer._connection.sctp
        assert sctp is not None
        tag = 0 if chunks[:1] == b"\x01" else sctp._local_verification_tag
        head = pack("!HHL", 5000, 5000, tag)
        checksum = crc32c(head + bytes(4) + chunks)
        return self._encrypted(head + pack("<L", checksum) + chunks)

    def _encrypted(self, data: bytes) -> bytes:
        ssl: Any = self._client.transport._ssl
        try:
            ssl.send(data)
            record: bytes = ssl.bio_read(1500)
        except SSL.Error:
            return b""
        return record


async def _send_nothing(_: bytes) -> None:
    """Take the place of the client's own media, whose sequence numbers would be in the way."""
