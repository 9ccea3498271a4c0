"""Everything that guards one connection, from the client's offer to the end."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from aioice import Connection
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCPeerConnection

from rtc.aiortc_patches.certificate import handshake_failure
from rtc.aiortc_patches.closing import abort
from rtc.aiortc_patches.connection import transports
from rtc.aiortc_patches.data_channels import (
    guard_association,
    lose_unsendable,
    unread_message_bytes,
)
from rtc.aiortc_patches.datagrams import DatagramCounters, guard_transport, left_properly
from rtc.aiortc_patches.ice.consent import Consent, replace_checks
from rtc.aiortc_patches.ice.gathering import Gatherer
from rtc.aiortc_patches.ice.path import IcePath
from rtc.aiortc_patches.orientation import read_orientation
from rtc.aiortc_patches.transceivers import receiver_of
from rtc.errors import PathError
from rtc.limits import PeerLimits
from rtc.negotiation.fragment import Fragment, write_fragment
from rtc.receiving.link import Link

logger = logging.getLogger(__name__)

OnEnd = Callable[[str, bool], None]


class Guards:
    """Lets nothing that the peer or a stranger sends end a connection, or keep it from ending.

    Create it after aiortc has read the offer and before it answers. `on_end` is called with the
    reason when a transport ends, and whether the client is lost rather than has left, possibly more
    than once. `counters` count what arrives.
    """

    def __init__(
        self,
        connection: RTCPeerConnection,
        link: Link,
        limits: PeerLimits,
        *,
        on_end: OnEnd,
    ) -> None:
        self.counters = DatagramCounters()
        self._connection = connection
        self._link = link
        found = transports(connection)
        self._consents = [Consent(transport, link) for transport in found]
        self._gatherers: list[Gatherer] = []
        self._limits = limits
        self._paths = [IcePath(each.transport, self._prepare) for each in found]
        for transport in found:
            guard_transport(transport, self.counters, partial(self._forget, transport))
            lose_unsendable(transport)
            read_orientation(transport)
            transport.on("statechange", partial(_follow_dtls, transport, on_end))
            transport.transport.on("statechange", partial(_follow_ice, transport.transport, on_end))
        guard_association(connection, self.counters)

    @property
    def unread_message_bytes(self) -> int:
        """Bytes of messages that the peer has begun."""
        return unread_message_bytes(self._connection)

    def check_consent(self) -> None:
        """Ask the peer for a sign of life; what it sends is in `counters`."""
        for consent in self._consents:
            consent.check()

    async def change_path(self, fragment: Fragment) -> str | None:
        """Take late candidates, or restart ICE; return the fragment that answers a restart.

        Raises:
            PathError: ICE cannot be restarted now, or not on this connection.
        """
        if len(self._paths) != 1:
            raise PathError("the sections of the offer have transports of their own")
        [path] = self._paths
        if path.newest.remote_username in (fragment.username, None):
            await path.add(fragment.candidates)
            return None
        made = await path.restart(fragment.username, fragment.password, fragment.candidates)
        return write_fragment(
            fragment.frame, made.local_username, made.local_password, made.local_candidates
        )

    def _prepare(self, ice: Connection) -> None:
        replace_checks(ice)
        limits = self._limits
        gatherer = Gatherer(
            ice,
            self.counters,
            max_wait=limits.gathering_timeout,
            loopback=limits.loopback,
            ports=limits.ports,
        )
        self._gatherers.append(gatherer)

    def _forget(self, transport: RTCDtlsTransport, ssrc: int) -> None:
        """Delete what is kept about an SSRC that is not heard any more."""
        transport._rtp_router.ssrc_table.pop(ssrc, None)
        for transceiver in self._connection.getTransceivers():
            receiver_of(transceiver).forget(ssrc)
        for listener in self._link.listeners:
            listener.forget(ssrc)

    async def close(self, max_wait: float) -> None:
        """Close the connection, by force after `max_wait` seconds."""
        try:
            async with asyncio.timeout(max_wait):
                for path in self._paths:
                    await path.close()
                for gatherer in self._gatherers:
                    await gatherer.close()
                await self._connection.close()
        except TimeoutError:
            logger.warning("a peer connection was not closed within %g s: cut off", max_wait)
        finally:
            abort(self._connection)


def _follow_dtls(transport: RTCDtlsTransport, on_end: OnEnd) -> None:
    if transport.state == "failed":
        on_end(handshake_failure(transport), False)
    elif transport.state == "closed":
        left = left_properly(transport)
        on_end("the client left" if left else "the path to the client broke", not left)


def _follow_ice(transport: RTCIceTransport, on_end: OnEnd) -> None:
    if transport.state == "failed":
        on_end("there is no network path to the client", True)
