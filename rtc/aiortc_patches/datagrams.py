"""What arrives from the network: only what the peer may have sent reaches aiortc.

A datagram passes three places. `GuardedProtocol` is the socket: it takes STUN messages with the
password of this connection, and anything else only from addresses that have sent such a message.
`guard_transport` is what reads the accepted datagrams: DTLS, RTP, RTCP, and SCTP in DTLS. At both,
what raises is dropped and counted, whatever it raises. `AuthenticatedSources` lies between: it
counts packets that the peer's keys have authenticated, and bounds their sources.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioice import Connection, stun
from aioice.ice import StunProtocol
from aiortc import RTCDtlsTransport
from OpenSSL import SSL
from pylibsrtp import Session

logger = logging.getLogger(__name__)

Address = tuple[str, int]
STUN_BYTES = range(4)  # the first byte of a packet says what it is: RFC 7983, section 7
MEDIA_BYTES = (range(20, 64), range(128, 192))  # DTLS; RTP and RTCP
MAX_ADDRESSES = 128  # of one peer at one socket
MAX_QUEUED = 2048  # datagrams that wait to be read: some seconds of video
MAX_SOURCES = 31  # SSRCs heard: report blocks in one RTCP packet, RFC 3550 section 6.4.2


@dataclass(slots=True)
class DatagramCounters:
    """Counts datagrams: all, authentic ones, and dropped ones.

    `authentic` are STUN, RTP, RTCP and SCTP packets that only the peer can have sent. `dropped`
    are those of strangers or without meaning, and `malformed` those that the peer did send.
    """

    datagrams: int = 0
    authentic: int = 0
    dropped: int = 0
    malformed: int = 0


class GuardedProtocol(StunProtocol):
    """A socket of `connection` that takes datagrams of the peer, and answers of STUN servers."""

    def __init__(self, connection: Connection, counters: DatagramCounters) -> None:
        super().__init__(connection)
        self._counters = counters
        self._addresses: set[Address] = set()

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Pass on a datagram or drop it; called by asyncio."""
        assert isinstance(data, bytes)
        self._counters.datagrams += 1
        address = (addr[0], addr[1])  # an address of IPv6 has two more items
        first = data[0] if data else None
        try:
            if first in STUN_BYTES:
                accepted = self._receive_stun(stun.parse_message(data), address)
            else:
                accepted = any(first in kind for kind in MEDIA_BYTES) and self._queue(data, address)
        except Exception as error:  # noqa: BLE001  (anybody can send anything to a UDP port)
            accepted = False
            logger.debug("a datagram raised %s: %s", type(error).__name__, error)
        if not accepted:
            self._counters.dropped += 1

    def _receive_stun(self, message: stun.Message, address: Address) -> bool:
        if message.message_class == stun.Class.REQUEST:
            return self._receive_check(message, address)
        transaction = self.transactions.get(message.transaction_id)
        if transaction is None or message.message_class == stun.Class.INDICATION:
            return False
        password = self.receiver.remote_password
        if password is not None and message.check_message_integrity(password.encode()):
            self._accept(address)
        transaction.response_received(message, address)
        return True

    def _receive_check(self, message: stun.Message, address: Address) -> bool:
        """Take a connectivity check; others get no answer, which a forged address could misuse."""
        if not message.check_message_integrity(self.receiver.local_password.encode()):
            return False
        if "PRIORITY" not in message.attributes or not self._accept(address):
            return False
        self.receiver.request_received(message, address, self)
        return True

    def _accept(self, address: Address) -> bool:
        """Count an authentic message, and take media from `address` from now on."""
        if address not in self._addresses and len(self._addresses) >= MAX_ADDRESSES:
            return False
        self._addresses.add(address)
        self._counters.authentic += 1
        return True

    def _queue(self, data: bytes, address: Address) -> bool:
        if address not in self._addresses or self.receiver._queue.qsize() >= MAX_QUEUED:
            return False
        self.receiver.data_received(data, self.local_candidate.component)
        return True


class AuthenticatedSources:
    """An incoming SRTP session that counts authentic packets and keeps at most MAX_SOURCES SSRCs.

    A source beyond that takes the place of the one that was silent for longest, which `forget`
    is called with: libsrtp and aiortc keep state for each source, and a peer can invent many.
    """

    def __init__(
        self, session: Session, counters: DatagramCounters, forget: Callable[[int], None]
    ) -> None:
        self._session = session
        self._counters = counters
        self._forget = forget
        self._sources: dict[bytes, None] = {}

    def unprotect(self, packet: bytes) -> bytes:
        """Return an RTP packet; its SSRC is at byte 8, RFC 3550 section 5.1."""
        return self._count(packet[8:12], self._session.unprotect(packet))

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Return an RTCP packet; its SSRC is at byte 4, RFC 3550 section 6.4."""
        return self._count(packet[4:8], self._session.unprotect_rtcp(packet))

    def _count(self, source: bytes, opened: bytes) -> bytes:
        self._counters.authentic += 1
        self._sources.pop(source, None)
        self._sources[source] = None  # the newest is last
        if len(self._sources) > MAX_SOURCES:
            oldest = next(iter(self._sources))
            del self._sources[oldest]
            self._session.remove_stream(int.from_bytes(oldest, "big"))
            self._forget(int.from_bytes(oldest, "big"))
        return opened


def guard_transport(
    transport: RTCDtlsTransport, counters: DatagramCounters, forget: Callable[[int], None]
) -> None:
    """Drop and count accepted datagrams that raise; `forget` is that of AuthenticatedSources."""
    receive, set_up_srtp = transport._recv_next, transport._setup_srtp

    async def receive_or_drop() -> None:
        try:
            await receive()
        except ConnectionError:
            raise
        except SSL.Error as error:
            raise ConnectionError("the DTLS handshake has timed out") from error
        except Exception as error:  # noqa: BLE001  (a peer can send anything)
            counters.malformed += 1
            logger.debug("dropped a malformed packet: %s %s", type(error).__name__, error)
            await asyncio.sleep(0)  # others go on, should all packets raise

    def set_up_bounded() -> None:
        set_up_srtp()
        if transport._rx_srtp is not None:
            bounded = AuthenticatedSources(transport._rx_srtp, counters, forget)
            transport._rx_srtp = bounded  # type: ignore[assignment]

    transport._recv_next = receive_or_drop  # type: ignore[method-assign]
    transport._setup_srtp = set_up_bounded  # type: ignore[method-assign]


def left_properly(transport: RTCDtlsTransport) -> bool:
    """Return whether the peer has said that it closes the connection."""
    ssl = transport._ssl
    return ssl is not None and bool(ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN)
