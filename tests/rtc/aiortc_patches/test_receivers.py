from rtc.decoding import DecodingQueue
from tests.rtc.client import Camera, Microphone, collect, connected, create_client


async def test_every_decoder_has_a_bounded_queue() -> None:
    client = create_client(Camera(), Microphone())
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        for transceiver in peer._connection.getTransceivers():
            queue = vars(transceiver.receiver)["_RTCRtpReceiver__decoder_queue"]
            assert isinstance(queue, DecodingQueue)
            assert queue.dropped == 0
