"""A few thousand damaged datagrams; `tests.bench.fuzz_datagrams` sends a million."""

import random

import pytest

from rtc.aiortc_patches.connection import transports
from tests.rtc.client import Camera, Microphone, connected, create_client
from tests.rtc.datagram_fuzz import DatagramFuzzer, seeds_of
from tests.rtc.strangers import no_complaints


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_damaged_datagrams_do_not_end_a_call_or_keep_it_from_ending(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    expected = ("ignored a binary message", "ignored a too long message", "closed data channel")
    async with no_complaints(caplog, expected=expected), connected(client) as peer:
        seeds = await seeds_of(client, peer)
        fuzzer = DatagramFuzzer(client, peer, seeds, random.Random(seed))
        await fuzzer.run(3_200)
        assert not peer.closed.is_set()
        assert transports(peer._connection)[0].state == "connected"
        counters = peer._guards.counters
        assert counters.dropped > 500
        assert counters.malformed > 30
        assert counters.authentic > 500
        assert fuzzer.delivered > 150
    assert peer.end_reason == "closed by this end"
    assert min(fuzzer.counts.values()) >= 400
