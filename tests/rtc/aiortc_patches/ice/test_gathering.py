import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice import Candidate, stun
from aioice.turn import is_channel_data
from aiortc import RTCSessionDescription

from media.clock import LiveClock
from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.aiortc_patches.ice.gathering import LOOPBACK
from rtc.connectivity import Address
from rtc.ice_servers import IceServer
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.rtc.client import (
    Microphone,
    assert_no_tasks_left,
    collect,
    create_client,
    create_offer,
)
from tests.rtc.strangers import no_complaints, sockets_of
from tests.rtc.test_connectivity import RELAYED, StunServer, TurnServer, listening


@pytest.mark.parametrize("address", ["127.0.0.1", "abcd-1234.local", None])
async def test_a_client_is_reached_on_a_machine_without_a_network(address: str | None) -> None:
    client = create_client(Microphone())
    (gathering,) = transports(client.connection)
    connection = ice_connection(gathering.transport)
    gather = connection.get_component_candidates

    async def only_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [LOOPBACK])

    connection.get_component_candidates = only_loopback  # type: ignore[method-assign, assignment]
    offer = await create_offer(client)
    candidates = re.findall(r"a=candidate:.*\r\n", offer)
    assert len(candidates) == 1
    shown = candidates[0].replace("127.0.0.1", address) if address else ""
    offer = offer.replace(candidates[0], shown)
    peer = await Peer.accept(offer, clock=LiveClock())
    loopback = [line for line in peer.answer_sdp.splitlines() if " 127.0.0.1 " in line]
    assert loopback
    answer = re.sub(r"a=candidate:(?!.* 127\.0\.0\.1 ).*\r\n", "", peer.answer_sdp)
    await client.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(15):
        await collect(peer, sounds=5)
    await peer.close()
    await client.connection.close()


async def test_loopback_is_offered_only_if_enabled() -> None:
    client = create_client(Microphone())
    offer = await create_offer(client)
    peer = await Peer.accept(offer, clock=LiveClock(), limits=PeerLimits(loopback=False))
    assert " 127.0.0.1 " not in peer.answer_sdp
    assert "a=end-of-candidates" in peer.answer_sdp
    await peer.close()
    await client.connection.close()


@asynccontextmanager
async def answered(server: IceServer, max_wait: float) -> AsyncIterator[Peer]:
    """Yield a peer that has answered with the help of `server`, for which it waits `max_wait`."""
    before = asyncio.all_tasks()
    client = create_client(Microphone())
    peer = await Peer.accept(
        await create_offer(client),
        clock=LiveClock(),
        ice_servers=[server],
        limits=PeerLimits(gathering_timeout=max_wait),
    )
    yield peer
    await peer.close()
    await client.connection.close()
    await assert_no_tasks_left(before)


async def test_the_address_that_a_stun_server_tells_is_in_the_answer() -> None:
    async with listening(StunServer()) as server:
        stun_server = IceServer((f"stun:{server.host}:{server.port}",))
        async with answered(stun_server, 60) as peer:  # all answer at once, but for loopback
            assert " typ srflx " in peer.answer_sdp


async def test_a_silent_stun_server_does_not_delay_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    silent = StunServer(ignores=1_000_000)
    async with no_complaints(caplog), listening(silent) as server:
        stun_server = IceServer((f"stun:{server.host}:{server.port}",))
        async with answered(stun_server, 0.01) as peer:
            hosts = len([host for host, _ in sockets_of(peer) if host != LOOPBACK])
            # aioice asks again after 0.5, 1.5 and 3.5 s: RFC 8489, section 6.2.1
            assert silent.asked < 4 * hosts
            assert " typ host" in peer.answer_sdp
            assert " typ srflx " not in peer.answer_sdp


async def test_a_stun_server_whose_name_has_no_address_does_not_delay_the_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(socket, "gethostbyname", lambda _: answer.wait(60))
    async with no_complaints(caplog):
        async with answered(IceServer(("stun:stun.test:3478",)), 0.01) as peer:
            assert " typ host" in peer.answer_sdp
        answer.set()


class SlowTurnServer(TurnServer):
    """Allocates only after `release`, and knows for which peer a channel is bound."""

    def __init__(self) -> None:
        super().__init__("user", "password")
        self.bound = asyncio.Event()
        self._waiting: list[tuple[bytes, Address]] | None = []

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._waiting is not None:
            self._waiting.append((data, addr))
            return
        if is_channel_data(data):  # a check on its way to the client
            return
        request = stun.parse_message(data)
        if request.message_method == stun.Method.CHANNEL_BIND:
            answer = self.reply(request, stun.Class.RESPONSE)
            answer.add_message_integrity(self.key)
            self.transport.sendto(bytes(answer), addr)
            self.bound.set()
        elif "LIFETIME" in request.attributes:
            super().datagram_received(data, addr)

    def release(self) -> None:
        waiting, self._waiting = self._waiting, None
        for data, addr in waiting or []:
            self.datagram_received(data, addr)


async def test_a_relay_that_comes_after_the_answer_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn = SlowTurnServer()
    async with no_complaints(caplog), listening(turn) as server:
        turn_server = IceServer((f"turn:{server.host}:{server.port}",), "user", "password")
        async with answered(turn_server, 0.01) as peer:
            assert RELAYED[0] not in peer.answer_sdp
            turn.release()
            await turn.bound.wait()  # for a check of a candidate of the client
        assert turn.lifetimes[-1] == 0  # the allocation is given back
