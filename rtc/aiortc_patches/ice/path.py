"""The ICE connection under a DTLS transport: candidates that come late, and ICE restarts.

aiortc has no ICE restart: a transport keeps the connection of aioice that it was made with. Here
another one is made beside it, and takes its place once it has found a path. DTLS and all above it
go on. Source: RFC 8445, section 2.4, and RFC 8839, section 4.4.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aioice import Candidate, Connection
from aiortc import RTCIceTransport

from rtc.aiortc_patches.connection import ice_connection
from rtc.errors import PathError

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 20.0  # seconds for another connection to find a path
MAX_CANDIDATES = 128  # of the peer, late ones and those learned from its checks included


class IcePath:
    """The path of `transport`; `prepare` is called with each connection before it is used.

    `newest` is the connection in use, or the one that is to take its place.
    """

    def __init__(self, transport: RTCIceTransport, prepare: Callable[[Connection], None]) -> None:
        self.newest = ice_connection(transport)
        self._transport = transport
        self._prepare = prepare
        self._restart: asyncio.Task[None] | None = None
        prepare(self.newest)
        transport._recv = self._receive

    async def add(self, candidates: Sequence[Candidate]) -> None:
        """Take candidates of the peer that it did not know when it made its offer."""
        for candidate in candidates:
            if len(self.newest.remote_candidates) < MAX_CANDIDATES:
                await self.newest.add_remote_candidate(candidate)

    async def restart(
        self, username: str, password: str, candidates: Sequence[Candidate]
    ) -> Connection:
        """Return another connection, with its candidates, which starts to look for a path.

        Raises:
            PathError: there is no path yet, or this machine has no address.
        """
        if self._transport.state != "completed":
            raise PathError("the connection has no path yet that a restart could replace")
        await self._give_up()
        before = ice_connection(self._transport)
        made = Connection(before.ice_controlling, stun_server=before.stun_server)
        self._prepare(made)
        await made.gather_candidates()
        if not made.local_candidates:
            await made.close()
            raise PathError("this machine has no network address: connect a network")
        made.remote_username, made.remote_password = username, password
        made.remote_is_lite = before.remote_is_lite
        self.newest = made
        await self.add(candidates)
        # It outlives the request that asked for it, until `close`.
        self._restart = asyncio.create_task(self._switch(made), name="restart ICE")  # noqa: TID251
        return made

    async def close(self) -> None:
        """End a restart that is in progress."""
        await self._give_up()

    async def _switch(self, made: Connection) -> None:
        """Use `made` once it has a path; if it finds none, the path before stays in use."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await made.connect()
        except (TimeoutError, ConnectionError) as error:
            logger.info("an ICE restart found no path: %s", error)
            await made.close()
            return
        before, private = ice_connection(self._transport), vars(self._transport)
        private["_RTCIceTransport__monitor_task"].cancel()
        self._transport._connection = self._transport.iceGatherer._connection = made
        self._transport._send = made.send
        monitor = asyncio.ensure_future(self._transport._monitor())  # noqa: TID251  (aiortc's own)
        private["_RTCIceTransport__monitor_task"] = monitor
        await before.close()
        logger.info("an ICE restart has found another path")

    async def _give_up(self) -> None:
        """End the restart in progress, if there is one, and close its connection."""
        if self._restart is None:
            return
        self._restart.cancel()
        await asyncio.wait([self._restart])
        self._restart = None
        if self.newest is not ice_connection(self._transport):
            await self.newest.close()
            self.newest = ice_connection(self._transport)

    async def _receive(self) -> bytes:
        """Return the next datagram of the connection in use."""
        while True:
            connection = ice_connection(self._transport)
            try:
                return await connection.recv()
            except ConnectionError:
                if connection is ice_connection(self._transport):
                    raise
