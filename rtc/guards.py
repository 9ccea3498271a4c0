"""What aiortc 1.16 leaves open, closed for one connection at a time.

Nothing is patched in the library: each function changes objects that belong to one
connection, between its offer and its answer. They reach for private attributes, which is
why they all live here, and why the project asks for aiortc below 1.17.

| left open by aiortc                                    | here                 |
|--------------------------------------------------------|----------------------|
| the queue to a decoder's thread has no bound           | `bound_decoding`     |
| a malformed REMB, SCTP or SDES packet ends the session | `tolerate_malformed` |
| 127.0.0.1 is never offered                             | `offer_loopback`     |
| a peer that vanished is noticed after 30 s             | `count_arrivals`, `probe` |
| statistics of a repaired stream hide the stream itself | `receptions`         |
"""

import asyncio
import logging
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

from aioice import Candidate, Connection, stun
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCPeerConnection, RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.network import Reception

logger = logging.getLogger(__name__)

P = ParamSpec("P")
LOOPBACK = "127.0.0.1"
MALFORMED = (AssertionError, LookupError, TypeError, ValueError, struct.error)
DECODING_CAPACITY = {"audio": 100, "video": 60}  # 2 s of either
START_CODE = b"\x00\x00\x00\x01"
H264_IDR, H264_SPS = 5, 7  # NAL unit types that begin what decodes by itself, H.264 table 7-1
ASK_AGAIN = 30  # frames thrown away between two requests for a keyframe

Decodable = tuple[RTCRtpCodecParameters, JitterFrame]


def transports(connection: RTCPeerConnection) -> list[RTCDtlsTransport]:
    """Return the transports of `connection`, each once; one if the offer is a bundle."""
    found = [transceiver.receiver.transport for transceiver in connection.getTransceivers()]
    if connection.sctp is not None:
        found.append(connection.sctp.transport)
    return list(dict.fromkeys(found))


def ice(transport: RTCIceTransport) -> Connection:
    return transport._connection


def candidates(transport: RTCDtlsTransport) -> list[Candidate]:
    """Return where we can be reached, once gathered."""
    return ice(transport.transport).local_candidates


def offer_loopback(transport: RTCIceTransport) -> None:
    """Let the answer also hold 127.0.0.1: call before candidates are gathered."""
    connection = ice(transport)
    gather = connection.get_component_candidates

    async def gather_with_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [*addresses, LOOPBACK])

    connection.get_component_candidates = gather_with_loopback  # type: ignore[method-assign, assignment]


@dataclass(slots=True)
class Arrivals:
    """How many datagrams have come, of any kind, and how many made no sense."""

    datagrams: int = 0
    malformed: int = 0


def count_arrivals(transport: RTCDtlsTransport, arrivals: Arrivals) -> None:
    """Count every datagram from now on: call after candidates are gathered."""
    for protocol in ice(transport.transport)._protocols:
        receive = protocol.datagram_received

        def counted(
            data: bytes | str,
            addr: tuple[Any, ...],
            receive: Callable[[bytes | str, tuple[Any, ...]], None] = receive,
        ) -> None:
            arrivals.datagrams += 1
            receive(data, addr)

        protocol.datagram_received = counted  # type: ignore[method-assign]


async def probe(transport: RTCDtlsTransport) -> float | None:
    """Return the round trip to the peer in seconds, or None without an answer in 0.5 s.

    It is the consent check of RFC 7675, which every WebRTC peer answers.
    """
    connection = ice(transport.transport)
    pair = next(iter(connection._nominated.values()), None)
    if pair is None or connection.remote_password is None:
        return None
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        await pair.protocol.request(
            connection.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=connection.remote_password.encode(),
            retransmissions=0,
        )
    except stun.TransactionError:
        return None
    return loop.time() - asked


def tolerate_malformed(connection: RTCPeerConnection, arrivals: Arrivals) -> None:
    """Drop and count what a parser fails on, instead of ending the session with it."""

    def tolerant(handle: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
        async def handle_or_drop(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                await handle(*args, **kwargs)
            except MALFORMED as error:
                arrivals.malformed += 1
                logger.debug("dropped a malformed packet: %s %s", type(error).__name__, error)

        return handle_or_drop

    for transport in transports(connection):
        transport._handle_rtp_data = tolerant(transport._handle_rtp_data)  # type: ignore[method-assign, assignment]
        transport._handle_rtcp_data = tolerant(transport._handle_rtcp_data)  # type: ignore[method-assign, assignment]
    if connection.sctp is not None:
        connection.sctp._handle_data = tolerant(connection.sctp._handle_data)  # type: ignore[method-assign, assignment]


def unread_message_bytes(connection: RTCPeerConnection) -> int:
    """Return how many bytes of unfinished messages wait for their rest."""
    if connection.sctp is None:
        return 0
    return sum(
        len(chunk.user_data)
        for stream in connection.sctp._inbound_streams.values()
        for chunk in stream.reassembly
    )


class DecodingQueue:
    """Stands between the network and a decoder's thread, and never grows past `capacity`.

    When the decoder falls behind, sound loses its oldest packets. Pictures are not shown
    without those before them: all that wait go, and with them every one that comes until
    a keyframe, which is asked for through `picture_lost`.
    """

    def __init__(self, capacity: int, picture_lost: threading.Event | None) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._picture_lost = picture_lost
        self._waits_for_keyframe = False
        self._items: deque[Decodable | None] = deque()
        self._changed = threading.Condition()

    def put(self, item: Decodable | None) -> None:
        """Append `item`; None ends the thread, and what still waits is not decoded."""
        with self._changed:
            if item is None:
                self._items.clear()
                self._items.append(None)
            elif self._picture_lost is None:
                self._put_sound(item)
            else:
                self._put_picture(item, self._picture_lost)
            self._changed.notify()

    def get(self) -> Decodable | None:
        """Wait for the next item."""
        with self._changed:
            while not self._items:
                self._changed.wait()
            return self._items.popleft()

    def _put_sound(self, item: Decodable) -> None:
        if len(self._items) >= self._capacity:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)

    def _put_picture(self, item: Decodable, picture_lost: threading.Event) -> None:
        if len(self._items) >= self._capacity:
            self.dropped += len(self._items)
            self._items.clear()
            self._waits_for_keyframe = True
            picture_lost.set()
        if self._waits_for_keyframe and not is_keyframe(item[0].name, item[1].data):
            self.dropped += 1
            if self.dropped % ASK_AGAIN == 0:
                picture_lost.set()
            return
        self._waits_for_keyframe = False
        self._items.append(item)


def is_keyframe(codec: str, data: bytes) -> bool:
    """Tell whether an encoded VP8 or H.264 picture decodes without those before it."""
    if codec.upper() == "VP8":
        return bool(data) and data[0] & 1 == 0  # RFC 6386, section 9.1
    kinds = (unit[0] & 0x1F for unit in data.split(START_CODE) if unit)
    return any(kind in (H264_IDR, H264_SPS) for kind in kinds)


def bound_decoding(receiver: RTCRtpReceiver, kind: str) -> DecodingQueue:
    """Give `receiver` a bounded queue to its decoder: call before it starts to receive."""
    private = vars(receiver)
    lost = private["_RTCRtpReceiver__decoder_error"] if kind == "video" else None
    queue = DecodingQueue(DECODING_CAPACITY[kind], lost)
    if "_RTCRtpReceiver__decoder_queue" not in private:
        raise TypeError("expected aiortc 1.16: its receiver has no decoder queue")
    private["_RTCRtpReceiver__decoder_queue"] = queue
    return queue


def receptions(receiver: RTCRtpReceiver, clock_rate: int) -> list[Reception]:
    """Return how each stream of `receiver` arrives, without retransmissions."""
    private = vars(receiver)
    repeats = private["_RTCRtpReceiver__rtx_ssrc"]
    return [
        Reception(
            expected=stream.packets_expected,
            received=stream.packets_received,
            jitter=stream.jitter / clock_rate,
        )
        for ssrc, stream in private["_RTCRtpReceiver__remote_streams"].items()
        if ssrc not in repeats and stream.max_seq is not None
    ]
