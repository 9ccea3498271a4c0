"""What all senders of one transport share: the pace, the numbers of packets, the target bitrate."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import pylibsrtp
from aiortc import RTCDtlsTransport
from aiortc.clock import current_ntp_time
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from media.clock import Clock
from rtc.congestion.feedback import Feedback, split_reports
from rtc.congestion.outgoing import OutgoingRate
from rtc.congestion.rate_control import RateLimits
from rtc.congestion.throughput import Throughput
from rtc.sending.pacer import Pacer, Priority

logger = logging.getLogger(__name__)

NUMBERS = 1 << 16  # transport-wide sequence numbers
MAX_DELAY = 0.1  # seconds of waiting packets, above which no further frame is encoded
WIRE = 38  # bytes of IP, UDP and SRTP around a packet
ABS_SEND_SHIFT, ABS_SEND_MASK = 14, (1 << 24) - 1  # of an NTP time: 6.18 fixed point
TICK = 0.25  # seconds between two looks at the time while nothing is sent


@dataclass(slots=True)
class _Waiting:
    packet: RtpPacket
    extensions: HeaderExtensionsMap
    kind: str
    sent: Callable[[RtpPacket], None] | None
    same: bool


class Outlet:
    """Sends packets over `transport` at a pace; `rate` has the target bitrate.

    Packets are numbered if `numbered` is set: the peer then reports each. aiortc's transport hands
    all RTCP to it, and gets what is no such report.
    """

    def __init__(self, transport: RTCDtlsTransport, clock: Clock, limits: RateLimits) -> None:
        self.rate = OutgoingRate(limits)
        self.audio = Throughput(2.0)
        self.numbered = False
        self._transport = transport
        self._clock = clock
        self._pacer: Pacer[_Waiting] = Pacer()
        self._number = 0
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._task: asyncio.Task[None] | None = None
        self._users = 0
        self._take_rtcp = transport._handle_rtcp_data
        transport._handle_rtcp_data = self._handle_rtcp_data  # type: ignore[method-assign]

    def start(self) -> None:
        """Begin to send; each sender calls it, and `stop` at its end."""
        self._users += 1
        if self._task is None:
            # It runs until the last sender has stopped.
            self._task = asyncio.create_task(self._run(), name="send packets")  # noqa: TID251

    async def stop(self) -> None:
        """End when the last sender has stopped."""
        self._users -= 1
        if self._users <= 0 and (task := self.abort()) is not None:
            await asyncio.wait([task])

    def abort(self) -> asyncio.Task[None] | None:
        """End without waiting."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._pacer.clear()
        self._room.set()
        return task

    def put(
        self,
        packet: RtpPacket,
        extensions: HeaderExtensionsMap,
        priority: Priority,
        *,
        kind: str,
        sent: Callable[[RtpPacket], None] | None = None,
        same: bool = False,
    ) -> None:
        """Send `packet` when its turn comes; then `sent` is called with it.

        With `same` the packet was sent before, and is again what it was: with SRTP, other bytes
        under the same sequence number would give its key away.
        """
        size = len(packet.payload) + WIRE
        self._pacer.put(_Waiting(packet, extensions, kind, sent, same), size, priority)
        self._look()
        self._wake.set()

    async def has_room(self) -> None:
        """Wait until little waits, so that a frame that is encoded now leaves soon."""
        while not self._room.is_set():
            await self._room.wait()

    @property
    def audio_bitrate(self) -> float:
        return self.audio.rate(self._clock.now()) or 0.0

    def _look(self) -> None:
        if self._pacer.delay(self.rate.target) < MAX_DELAY:
            self._room.set()
        else:
            self._room.clear()

    async def _run(self) -> None:
        while True:
            now = self._clock.now()
            self.rate.tick(now)
            for waiting in self._pacer.take(now, self.rate.target):
                await self._send(waiting, self._clock.now())
            self._look()
            due = self._pacer.next_time(self._clock.now())
            self._wake.clear()
            if due is not None:
                await self._clock.sleep_until(due)
                continue
            try:
                async with asyncio.timeout(TICK):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _send(self, waiting: _Waiting, now: float) -> None:
        packet = waiting.packet
        number = self._number if self.numbered and not waiting.same else None
        if not waiting.same:
            packet.extensions.transport_sequence_number = number
            packet.extensions.abs_send_time = current_ntp_time() >> ABS_SEND_SHIFT & ABS_SEND_MASK
        data = packet.serialize(waiting.extensions)
        try:
            await self._transport._send_rtp(data)
        except (ConnectionError, pylibsrtp.Error) as error:
            logger.debug("lost a packet: %s", error)
            return
        self._number = (self._number + (number is not None)) % NUMBERS
        self.rate.sent(len(data) + WIRE, now, number)
        if waiting.kind == "audio":
            self.audio.add(len(data) + WIRE, now)
        if waiting.sent is not None:
            waiting.sent(packet)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        """Take reports about our packets, and give the rest to aiortc.

        Raises:
            ValueError: a report is damaged.
        """
        found, rest = split_reports(data)
        if rest:
            await self._take_rtcp(rest)
        for report in found:
            self.rate.feedback(Feedback.parse(report), self._clock.now())
            self._look()
