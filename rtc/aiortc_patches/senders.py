"""Limits of the RTP senders of a connection, so that each can always be stopped.

Requests for retransmission are answered once, and reports go on after one that cannot be written.
"""

import asyncio
import logging

from aiortc import RTCRtpSender
from aiortc.rtp import RTP_HISTORY_SIZE, AnyRtcpPacket, RtcpRtpfbPacket

logger = logging.getLogger(__name__)


def guard_sender(sender: RTCRtpSender) -> None:
    """Retransmit a packet once for each request; let reports go on after any error."""
    handle = sender._handle_rtcp_packet

    async def handle_without_repeats(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRtpfbPacket):
            packet.lost = list(dict.fromkeys(packet.lost))[:RTP_HISTORY_SIZE]
        await handle(packet)

    sender._handle_rtcp_packet = handle_without_repeats  # type: ignore[method-assign]
    _report_on(sender, vars(sender)["_RTCRtpSender__rtcp_exited"])


def _report_on(sender: RTCRtpSender, exited: asyncio.Event) -> None:
    """Begin again after a report that cannot be written: `stop` waits for the end of reports."""
    report = sender._run_rtcp

    async def report_on() -> None:
        while not exited.is_set():
            try:
                await report()
            except Exception as error:  # noqa: BLE001  (what the peer sent is in a report)
                logger.debug("no RTCP report: %s %s", type(error).__name__, error)
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    exited.set()  # the last report, after it was stopped

    sender._run_rtcp = report_on  # type: ignore[method-assign]
