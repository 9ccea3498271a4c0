"""Limits of the RTP senders and receivers of a connection, so that each can always be stopped.

Sources that a peer invents are forgotten, requests for retransmission are answered once, and
reports go on after one that cannot be written.
"""

import asyncio
import logging
from typing import Any

from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RTP_HISTORY_SIZE, AnyRtcpPacket, RtcpRtpfbPacket, RtpPacket
from aiortc.utils import uint16_add, uint16_gt

from rtc.decoding import DecodingQueue

logger = logging.getLogger(__name__)

DECODER_CAPACITY = {"audio": 100, "video": 60}  # 2 s of either
PER_SOURCE = ("remote_streams", "active_ssrc", "lsr", "lsr_time")  # what a receiver keeps


class BoundedNackGenerator(NackGenerator):
    """After a gap, looks only at the packets that are still requested: the newest 128."""

    def add(self, packet: RtpPacket) -> bool:
        """Return whether `packet` shows that others are missing."""
        oldest = uint16_add(packet.sequence_number, -RTP_HISTORY_SIZE)
        if self.max_seq is not None and uint16_gt(packet.sequence_number, self.max_seq):
            self.max_seq = oldest if uint16_gt(oldest, self.max_seq) else self.max_seq
        return super().add(packet)


class ReorderedTimestamps:
    """Extends RTP timestamps of 32 bits; frames come in the order of decoding.

    aiortc takes a timestamp below the last for one that has wrapped, which B-frames have all the
    time.
    """

    def __init__(self) -> None:
        self._origin: int | None = None
        self._last = 0

    def map(self, timestamp: int) -> int:
        """Return the ticks since the first timestamp."""
        if self._origin is None:
            self._origin = self._last = timestamp
        ahead = (timestamp - self._last + (1 << 31)) % (1 << 32) - (1 << 31)
        self._last += ahead
        return self._last - self._origin


def bound_decoder_queue(receiver: RTCRtpReceiver, kind: str) -> DecodingQueue:
    """Replace the decoder queue of `receiver` by a bounded one; call before it receives."""
    private = vars(receiver)
    keyframe_wanted = private["_RTCRtpReceiver__decoder_error"] if kind == "video" else None
    queue = DecodingQueue(DECODER_CAPACITY[kind], keyframe_wanted)
    if "_RTCRtpReceiver__decoder_queue" not in private:
        raise TypeError("expected aiortc 1.16: its receiver has no decoder queue")
    private["_RTCRtpReceiver__decoder_queue"] = queue
    return queue


def guard_receiver(receiver: RTCRtpReceiver) -> None:
    """Bound the work for a gap, take frames in any order, let reports go on after any error."""
    private = vars(receiver)
    if private["_RTCRtpReceiver__nack_generator"] is not None:
        private["_RTCRtpReceiver__nack_generator"] = BoundedNackGenerator()
    private["_RTCRtpReceiver__timestamp_mapper"] = ReorderedTimestamps()
    _report_on(receiver, private["_RTCRtpReceiver__rtcp_exited"])


def guard_sender(sender: RTCRtpSender) -> None:
    """Retransmit a packet once for each request; let reports go on after any error."""
    handle = sender._handle_rtcp_packet

    async def handle_without_repeats(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket):
            packet.lost = list(dict.fromkeys(packet.lost))[:RTP_HISTORY_SIZE]
        await handle(packet)

    sender._handle_rtcp_packet = handle_without_repeats  # type: ignore[method-assign]
    _report_on(sender, vars(sender)["_RTCRtpSender__rtcp_exited"])


def forget_source(connection: RTCPeerConnection, transport: RTCDtlsTransport, ssrc: int) -> None:
    """Delete what aiortc keeps about an SSRC that is not heard any more."""
    transport._rtp_router.ssrc_table.pop(ssrc, None)
    for transceiver in connection.getTransceivers():
        private: dict[str, Any] = vars(transceiver.receiver)
        for name in PER_SOURCE:
            private[f"_RTCRtpReceiver__{name}"].pop(ssrc, None)
        estimator = private["_RTCRtpReceiver__remote_bitrate_estimator"]
        if estimator is not None:
            estimator.ssrcs.pop(ssrc, None)


def _report_on(owner: RTCRtpReceiver | RTCRtpSender, exited: asyncio.Event) -> None:
    """Begin again after a report that cannot be written: `stop` waits for the end of reports."""
    report = owner._run_rtcp

    async def report_on() -> None:
        while not exited.is_set():
            try:
                await report()
            except Exception as error:  # noqa: BLE001  (what the peer sent is in a report)
                logger.debug("no RTCP report: %s %s", type(error).__name__, error)
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    exited.set()  # the last report, after it was stopped

    owner._run_rtcp = report_on  # type: ignore[method-assign]
