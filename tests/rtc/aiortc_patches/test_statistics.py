from rtc.aiortc_patches.statistics import receptions, transferred_bytes
from tests.rtc.client import Camera, Microphone, collect, connected, create_client


async def test_network_counters_match_the_traffic() -> None:
    client = create_client(Camera(), Microphone())
    async with connected(client) as peer:
        await collect(peer, pictures=5, sounds=5)
        received = receptions(peer._connection)
        assert len(received) == 2
        assert all(0 < reception.received == reception.expected for reception in received)
        assert all(reception.jitter < 1 for reception in received)
        size_in, size_out = transferred_bytes(peer._connection)
        assert size_in > sum(reception.received for reception in received) * 12
        assert size_out > 0
