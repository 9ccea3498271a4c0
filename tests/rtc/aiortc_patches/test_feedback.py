from rtc.congestion.feedback import URI
from tests.rtc.client import Camera, Microphone, connected, create_client, create_offer
from tests.rtc.congestion.numbering import EXTENSION, NumberedTransport, with_numbers

FIRST = 65_530  # so that numbers wrap


async def test_a_client_that_numbers_its_packets_is_told_which_arrived() -> None:
    client = create_client(Camera(), Microphone())
    offer = with_numbers(await create_offer(client))
    numbered = NumberedTransport(client.transport, FIRST)
    async with connected(client, offer=offer) as peer:
        assert peer.answer_sdp.count(f"a=extmap:{EXTENSION} {URI}") == 2
        assert "transport-cc" in peer.answer_sdp
        async with numbered.heard:
            await numbered.heard.wait_for(lambda: len(numbered.arrived) >= 20)
        sent = {(FIRST + index) % 65536 for index in range(numbered.sent)}
        assert set(numbered.arrived) <= sent
        assert [report.number for report in numbered.reports] == list(range(len(numbered.reports)))


async def test_a_client_that_does_not_number_its_packets_gets_no_reports() -> None:
    client = create_client(Camera())
    offer = await create_offer(client)
    heard = NumberedTransport(client.transport)
    client.transport._send_rtp = heard._send  # type: ignore[method-assign]
    async with connected(client, offer=offer) as peer:
        assert "transport-cc" not in peer.answer_sdp
        items = aiter(peer.media)
        for _ in range(10):
            await anext(items)
        assert heard.reports == []
