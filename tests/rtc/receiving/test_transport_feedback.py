import asyncio

from aiortc.rtp import RTCP_PSFB_APP, AnyRtcpPacket, RtcpPsfbPacket, unpack_remb_fci

from rtc.congestion.feedback import URI, Feedback
from rtc.receiving.link import Arrival
from rtc.receiving.transport_feedback import TransportFeedback
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


async def test_such_a_client_is_told_how_much_it_may_send() -> None:
    client = create_client(Camera())
    told: list[tuple[int, list[int]]] = []
    heard = asyncio.Event()
    sender = client.connection.getSenders()[0]

    async def hear(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            told.append(unpack_remb_fci(packet.fci))
            heard.set()

    sender._handle_rtcp_packet = hear  # type: ignore[method-assign]
    async with connected(client):
        await heard.wait()
    bitrate, sources = told[0]
    assert 30_000 <= bitrate <= 4_000_000
    assert sender._ssrc in sources


def test_transports_are_seen_each_by_itself() -> None:
    feedback = TransportFeedback(layered=False)
    answers = [
        feedback.arrived(arrival(number, 0.06 * number, transport))
        for number in range(40)
        for transport in ("a", "b")
    ]
    reports = [Feedback.parse(each) for each in answers if isinstance(each, bytes) and each]
    arrived = [report.base + place for report in reports for place, _ in enumerate(report.arrivals)]
    assert sorted(arrived) == sorted([*range(39), *range(39)])


def arrival(number: int, time: float, transport: str) -> Arrival:
    return Arrival(
        time=time,
        size=1000,
        ssrc=7,
        sequence=number,
        kind="video",
        transport=transport,
        transport_sequence=number,
        send_time=None,
        rtcp_ssrc=8,
    )
