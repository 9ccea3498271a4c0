"""Slow peers and slow machines keep their calls; those that are gone lose them."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import aioice.ice
import pytest
from aioice import stun

import rtc.monitor
from rtc.aiortc_patches.connection import ice_connection
from rtc.limits import PeerLimits
from tests.rtc.client import Client, Microphone, collect, connected, create_client
from tests.rtc.strangers import send_from_elsewhere

Address = tuple[str, int]


class LateAnswers:
    """Answers each connectivity check of the other end only after `behind` later ones came."""

    def __init__(self, client: Client, behind: int) -> None:
        self.given = 0
        self.progress = asyncio.Event()
        self._behind = behind
        self._waiting: deque[partial[None]] = deque()
        for protocol in ice_connection(client.transport.transport)._protocols:
            protocol.send_stun = partial(self._answer, protocol.send_stun)  # type: ignore[method-assign]

    def _answer(self, send: Callable[..., None], message: stun.Message, address: Address) -> None:
        if message.message_class == stun.Class.REQUEST:
            send(message, address)
            return
        self._waiting.append(partial(send, message, address))
        if len(self._waiting) > self._behind:
            self._waiting.popleft()()
            self.given += 1
            self.progress.set()

    async def has_given(self, count: int) -> None:
        while self.given < count:
            self.progress.clear()
            await self.progress.wait()


async def test_answers_that_come_after_half_a_second_keep_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.05)  # s; six failures took 3.3 s
    monkeypatch.setattr(rtc.monitor, "CHECK_INTERVAL", 0.1)
    client = create_client(label="oai-events")
    async with connected(client) as peer:
        answers = LateAnswers(client, behind=8)
        await answers.has_given(40)
        assert not peer.closed.is_set()
        trip = (await peer.stats()).round_trip
        assert trip is not None
        assert trip > 0.5
    assert peer.end_reason == "closed by this end"


async def test_media_counts_when_no_check_is_answered() -> None:
    client = create_client(Microphone())
    async with connected(client) as peer:
        LateAnswers(client, behind=10_000)
        before = peer._guards.counters.authentic
        await collect(peer, sounds=20)
        assert peer._guards.counters.authentic >= before + 20


async def test_packets_of_strangers_do_not_keep_a_call() -> None:
    client = create_client(label="oai-events")
    async with (
        connected(client, PeerLimits(silence_timeout=0.5)) as peer,
        asyncio.TaskGroup() as tasks,
    ):

        async def knock() -> None:
            while not peer.closed.is_set():
                send_from_elsewhere(peer, b"\x80" + bytes(40))
                await asyncio.sleep(0.05)

        client.drop_transport()
        tasks.create_task(knock())
        await peer.closed.wait()
    assert peer.end_reason == "nothing arrived from the client for 0.5 s"
    assert peer._guards.counters.dropped > 0
