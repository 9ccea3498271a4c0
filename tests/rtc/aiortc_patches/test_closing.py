"""Every call ends in bounded time, with nothing left and nothing in the log."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
from aiortc.rtcsctptransport import SCTP_RTO_MIN

import rtc.peer
from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.errors import MessageError, PeerClosedError
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.rtc.client import Camera, Client, Microphone, collect, connected, create_client
from tests.rtc.strangers import no_complaints


async def keep_sending(peer: Peer) -> None:
    """Send messages until the peer is gone."""
    with suppress(PeerClosedError, MessageError):
        while not peer.closed.is_set():
            await peer.messages.send("x" * 2_000)
            await asyncio.sleep(0.005)


async def leave(client: Client, _: Peer) -> None:
    await client.connection.close()


async def vanish(client: Client, _: Peer) -> None:
    client.drop_transport()


async def abort_messages(client: Client, peer: Peer) -> None:
    assert client.connection.sctp is not None
    await client.connection.sctp._abort()
    await peer.close()


async def lose_the_path(client: Client, peer: Peer) -> None:
    """Break the path with messages on it, and close so slowly that they are sent once more."""
    for transceiver in peer._connection.getTransceivers():
        transceiver.stop = partial(stop_late, transceiver.stop)  # type: ignore[method-assign]
    client.drop_transport()
    await peer.messages.send("x" * 2_000)
    ice_connection(transports(peer._connection)[0].transport)._queue.put_nowait(None)


async def stop_late(stop: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(SCTP_RTO_MIN)
    await stop()


async def hang_up(_: Client, peer: Peer) -> None:
    await peer.close()


ENDINGS = {
    leave: "the client left",
    vanish: "nothing arrived from the client for 0.8 s",
    lose_the_path: "the path to the client broke",
    abort_messages: "closed by this end",
    hang_up: "closed by this end",
}


@pytest.mark.slow
@pytest.mark.parametrize(("end", "reason"), ENDINGS.items())
async def test_no_ending_writes_a_traceback(
    end: Callable[[Client, Peer], Awaitable[None]], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with (
        no_complaints(caplog),
        connected(client, PeerLimits(silence_timeout=0.8)) as peer,
        asyncio.TaskGroup() as tasks,
    ):
        await collect(peer, pictures=2, sounds=2)
        await client.opened.wait()
        sending = tasks.create_task(keep_sending(peer))
        await client.messages.get()
        await end(client, peer)
        await peer.closed.wait()
        await sending
    assert peer.end_reason == reason


async def test_a_connection_that_cannot_be_closed_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtc.peer, "CLOSING_TIMEOUT", 0.05)
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client, PeerLimits(silence_timeout=0.8)) as peer:
        await collect(peer, pictures=2, sounds=2)
        protocols = ice_connection(transports(peer._connection)[0].transport)._protocols[:]
        for transceiver in peer._connection.getTransceivers():
            transceiver.stop = asyncio.Event().wait  # type: ignore[method-assign, assignment]
        await peer.close()
        assert protocols
        assert all(protocol.transport.is_closing() for protocol in protocols)
