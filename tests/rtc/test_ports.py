import asyncio
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.clock import LiveClock
from rtc.errors import RtcError
from rtc.limits import PeerLimits
from rtc.peer import Peer
from rtc.ports import HIGHEST, LOWEST, PortRange, bind
from tests.rtc.client import Microphone, collect, connected, create_client, create_offer


@given(st.tuples(*2 * [st.integers(LOWEST, LOWEST + 50)]).map(sorted))
def test_each_port_is_tried_once(ends: list[int]) -> None:
    ports = PortRange.parse(f"{ends[0]}-{ends[1]}")
    assert sorted(ports.shuffled()) == list(range(ends[0], ends[1] + 1))


@pytest.mark.parametrize(
    "text", ["", "7", "x-y", "5000-4000", "80-90", f"5000-{HIGHEST + 1}", "-1-5"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected FIRST-LAST"):
        PortRange.parse(text)


def free_port() -> int:
    """Return a UDP port that was free a moment ago, on every address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as found:
        found.bind(("::", 0))
        port: int = found.getsockname()[1]
    return port


async def test_a_taken_port_is_passed_over_and_when_none_is_left_it_is_said() -> None:
    port = free_port()
    ports = PortRange(port, port)
    transport, _ = await bind(asyncio.DatagramProtocol, "127.0.0.1", ports)
    assert transport.get_extra_info("sockname")[1] == port
    with pytest.raises(OSError, match="no UDP port"):
        await bind(asyncio.DatagramProtocol, "127.0.0.1", ports)
    transport.close()


async def test_media_use_the_ports_of_the_setting_and_no_other() -> None:
    client = create_client(Microphone())
    port = free_port()
    ports = PortRange(max(LOWEST, port - 20), min(HIGHEST, port + 20))
    async with connected(client, PeerLimits(ports=ports)) as peer:
        await collect(peer, sounds=3)
        found = [
            int(each) for each in re.findall(r"candidate:\S+ 1 udp \d+ \S+ (\d+)", peer.answer_sdp)
        ]
    assert found
    assert all(ports.first <= each <= ports.last for each in found)


async def test_a_call_is_refused_when_every_port_is_taken() -> None:
    port = free_port()
    client = create_client(Microphone())
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::", port))
        with pytest.raises(RtcError, match="no network address"):
            await Peer.accept(
                await create_offer(client),
                clock=LiveClock(),
                limits=PeerLimits(ports=PortRange(port, port)),
            )
    await client.connection.close()
