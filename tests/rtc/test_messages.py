import asyncio

import pytest

from media.clock import LiveClock
from rtc.errors import MessageError, PeerClosedError
from rtc.limits import PeerLimits
from rtc.messages import MessageLimits
from rtc.peer import Peer
from tests.rtc.client import Mailbox, Microphone, connected, create_client, create_offer


async def test_messages_go_both_ways_in_order() -> None:
    client = create_client(label="oai-events")
    assert client.channel is not None
    async with connected(client) as peer:
        await peer.messages.send("before it opens")
        await client.opened.wait()
        for index in range(20):
            client.channel.send(f"from the client {index} é")
            await peer.messages.send(f"from the peer {index} é")
        received = [await anext(peer.messages) for _ in range(20)]
        assert received == [f"from the client {index} é" for index in range(20)]
        assert await client.messages.get() == "before it opens"
        replies = [await client.messages.get() for _ in range(20)]
        assert replies == [f"from the peer {index} é" for index in range(20)]
    assert [message async for message in peer.messages] == []
    with pytest.raises(PeerClosedError):
        await peer.messages.send("too late")


async def test_every_channel_is_read_and_replies_go_to_the_events_channel() -> None:
    client = create_client(label="chat")
    async with connected(client) as peer:
        await client.opened.wait()
        await peer.messages.send("one")
        assert await client.messages.get() == "one"
        events = client.connection.createDataChannel("oai-events")
        replies = Mailbox()
        events.on("message", replies.put)
        opened = asyncio.Event()
        events.on("open", opened.set)
        await opened.wait()
        events.send("by events")
        assert client.channel is not None
        client.channel.send("by chat")
        assert {await anext(peer.messages), await anext(peer.messages)} == {"by events", "by chat"}
        await peer.messages.send("two")
        assert await replies.get() == "two"


async def test_binary_and_oversized_messages_are_ignored_and_counted() -> None:
    client = create_client(label="oai-events")
    limits = PeerLimits(messages=MessageLimits(size=100))
    async with connected(client, limits) as peer:
        await client.opened.wait()
        assert client.channel is not None
        client.channel.send(b"binary")
        client.channel.send("x" * 101)
        client.channel.send("y" * 100)
        assert await anext(peer.messages) == "y" * 100
        assert peer.messages.ignored == 2
        with pytest.raises(MessageError, match="101 bytes; at most 100"):
            await peer.messages.send("z" * 101)


@pytest.mark.parametrize("limit", [MessageLimits(count=10), MessageLimits(unread=10)])
async def test_a_client_that_writes_faster_than_it_is_read_is_disconnected(
    limit: MessageLimits,
) -> None:
    client = create_client(label="oai-events")
    limits = PeerLimits(messages=limit)
    async with connected(client, limits) as peer:
        await client.opened.wait()
        assert client.channel is not None
        for index in range(20):
            client.channel.send(str(index))
        await peer.closed.wait()
        assert [message async for message in peer.messages] == [str(i) for i in range(10)]
    assert peer.end_reason == "the client sent messages faster than they were read"


async def test_a_message_to_a_client_without_a_data_channel_is_refused() -> None:
    async with connected(create_client(Microphone())) as peer:
        with pytest.raises(MessageError, match="no data channel"):
            await peer.messages.send("hello")


async def test_messages_that_wait_for_a_channel_are_bounded() -> None:
    client = create_client(label="oai-events")
    peer = await Peer.accept(
        await create_offer(client),
        clock=LiveClock(),
        limits=PeerLimits(messages=MessageLimits(count=3)),
    )
    for _ in range(3):
        await peer.messages.send("early")
    with pytest.raises(MessageError, match="wait for the client to open"):
        await peer.messages.send("one too many")
    await peer.close()
    await client.connection.close()


async def test_sending_to_a_client_that_does_not_read_times_out() -> None:
    client = create_client(label="oai-events")
    limits = PeerLimits(messages=MessageLimits(buffered=10_000, timeout=0.2))
    async with connected(client, limits) as peer:
        await client.opened.wait()
        client.drop_transport()

        async def flood() -> None:
            for _ in range(100):
                await peer.messages.send("x" * 5_000)

        with pytest.raises(MessageError, match=r"read no message for 0\.2 s"):
            await flood()
