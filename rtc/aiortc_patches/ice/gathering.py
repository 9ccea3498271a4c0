"""Gathers our ICE candidates, within a time limit and at guarded sockets.

aioice waits for a STUN or TURN server for 5 s. Here, an answer goes out without the candidates of
a server that is slow. Its own candidate is not lost: a relayed one is paired when it comes, and
a reflexive one is learned by the client from our checks, which come from the same socket.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, relayed_candidate, server_reflexive_candidate
from aioice.turn import UDP_SOCKET_BUFFER_SIZE

from rtc.aiortc_patches.datagrams import DatagramCounters, GuardedProtocol
from rtc.ports import PortRange, bind

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
Found = tuple[Candidate, StunProtocol | None]


class Gatherer:
    """Gathers the candidates of one ICE connection, in place of aioice's own method.

    Candidates of servers that take more than `max_wait` seconds are not in the answer. `loopback`
    also offers 127.0.0.1, which aiortc never does. Sockets have ports of `ports`, if there is one.
    `close` ends what still waits for a server.
    """

    def __init__(
        self,
        ice: Connection,
        counters: DatagramCounters,
        *,
        max_wait: float,
        loopback: bool,
        ports: PortRange | None = None,
    ) -> None:
        self._ice = ice
        self._counters = counters
        self._max_wait = max_wait
        self._ports = ports
        self._loopback = [LOOPBACK] if loopback else []
        self._late: set[asyncio.Task[Found]] = set()
        self._ice.get_component_candidates = self._gather  # type: ignore[method-assign]

    async def close(self) -> None:
        """Stop waiting for servers."""
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def _gather(
        self,
        component: int,
        addresses: Sequence[str],
        timeout: float = 0,  # noqa: ASYNC109
    ) -> list[Candidate]:
        """Return the candidates that are found in time; called by aioice."""
        hosts = [
            protocol
            for address in (*addresses, *self._loopback)
            if (protocol := await self._bind(component, address)) is not None
        ]
        self._ice._protocols += hosts
        candidates = [protocol.local_candidate for protocol in hosts]
        tasks = {asyncio.ensure_future(ask) for ask in self._asks(component, hosts)}  # noqa: TID251  (`_late` has them)
        if not tasks:
            return candidates
        done, self._late = await asyncio.wait(tasks, timeout=self._max_wait)
        for task in self._late:
            task.add_done_callback(self._add_late)
        if self._late:
            logger.info("answered without %d candidates of slow servers", len(self._late))
        return candidates + [found for task in done if (found := self._take(task)) is not None]

    async def _bind(self, component: int, address: str) -> GuardedProtocol | None:
        """Return a socket at `address` with its host candidate."""
        try:
            transport, protocol = await bind(
                lambda: GuardedProtocol(self._ice, self._counters), address, self._ports
            )
        except OSError as error:
            logger.info("cannot receive at %s: %s", address, error)
            return None
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE
        )
        host, port = transport.get_extra_info("sockname")[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=port,
            type="host",
        )
        return protocol

    def _asks(self, component: int, hosts: Sequence[GuardedProtocol]) -> list[Awaitable[Found]]:
        """Return what to ask of the servers: a reflexive address for each host, and a relay."""
        asks: list[Awaitable[Found]] = []
        if self._ice.stun_server is not None:
            addresses = [ipaddress.ip_address(each.local_candidate.host) for each in hosts]
            outside = [
                host
                for host, address in zip(hosts, addresses, strict=True)
                if address.version == 4 and not address.is_loopback
            ]
            if outside:
                asks += reflexive_candidates(outside, self._ice.stun_server)
        if self._ice.turn_server is not None:
            asks.append(self._relay(component))
        return asks

    async def _relay(self, component: int) -> Found:
        ice = self._ice
        assert ice.turn_server is not None
        return await relayed_candidate(
            component=component,
            hide_related_address=False,
            protocol_factory=lambda: GuardedProtocol(ice, self._counters),
            turn_server=ice.turn_server,
            turn_username=ice.turn_username,
            turn_password=ice.turn_password,
            turn_ssl=ice.turn_ssl,
            turn_transport=ice.turn_transport,
        )

    def _take(self, task: asyncio.Task[Found]) -> Candidate | None:
        """Return the candidate that `task` has found, if it has, and use its relay."""
        if task.cancelled() or (error := task.exception()) is not None:
            if not task.cancelled():
                logger.info("no candidate of a server: %s %s", type(error).__name__, error)
            return None
        candidate, relay = task.result()
        if relay is not None:
            guard_relay(relay, self._counters)
            self._ice._protocols.append(relay)
        return candidate

    def _add_late(self, task: asyncio.Task[Found]) -> None:
        """Pair a relay that came after the answer with what the client has offered."""
        self._late.discard(task)
        candidate = self._take(task)
        if candidate is None or candidate.type != "relay":
            return
        for remote in self._ice._remote_candidates:
            self._ice._pair_remote_candidate(remote)
        self._ice.sort_check_list()


def guard_relay(relay: StunProtocol, counters: DatagramCounters) -> None:
    """Drop what raises among the datagrams from the TURN server of `relay`."""
    inner = vars(relay.transport)["_TurnTransport__inner_protocol"]
    receive = inner.datagram_received

    def receive_or_drop(data: bytes, addr: tuple[str, int]) -> None:
        try:
            receive(data, addr)
        except Exception as error:  # noqa: BLE001  (as in `GuardedProtocol`)
            counters.dropped += 1
            logger.debug("a datagram of a relay raised %s: %s", type(error).__name__, error)

    inner.datagram_received = receive_or_drop


def reflexive_candidates(
    hosts: Sequence[GuardedProtocol], server: tuple[str, int]
) -> list[Awaitable[Found]]:
    """Return what asks `server` for the address of each host, after one look-up of its name."""
    loop = asyncio.get_running_loop()
    # A thread of its own: a name server may be silent for long, and asyncio's threads encode video.
    resolver = ThreadPoolExecutor(1, thread_name_prefix="stun-name")
    resolving = loop.run_in_executor(resolver, socket.gethostbyname, server[0])
    resolving.add_done_callback(lambda found: found.cancelled() or found.exception())
    resolver.shutdown(wait=False)

    async def ask(host: GuardedProtocol) -> Found:
        return await server_reflexive_candidate(host, (await asyncio.shield(resolving), server[1]))

    return [ask(host) for host in hosts]
