"""Ends a connection that could not be closed in an orderly way."""

import asyncio
from typing import Any

from aioice.ice import ICE_FAILED
from aiortc import RTCPeerConnection

from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.aiortc_patches.transceivers import receiver_of, sender_of


def abort(connection: RTCPeerConnection) -> None:
    """Close the sockets and end the tasks and threads of `connection`, without waiting."""
    for transport in transports(connection):
        ice = ice_connection(transport.transport)
        ice._closing = ice._check_list_done = True
        ice._check_list_state.put_nowait(ICE_FAILED)
        ice._queue.put_nowait(None)
        ice._nominated.clear()  # what is still to be sent is told that the connection is gone
        for protocol in ice._protocols:
            getattr(protocol.transport, "abort", protocol.transport.close)()  # a relay has no abort
        monitor = vars(transport.transport)["_RTCIceTransport__monitor_task"]
        checks = [pair.task for pair in ice._check_list]
        _cancel(transport._task, monitor, ice._query_consent_task, *checks)
    for transceiver in connection.getTransceivers():
        receiver_of(transceiver).abort()
        sender_of(transceiver).abort()
    if connection.sctp is not None:
        connection.sctp._set_state(connection.sctp.State.CLOSED)


def _cancel(*tasks: "asyncio.Future[Any] | None") -> None:
    for task in tasks:
        if task is not None:
            task.cancel()
