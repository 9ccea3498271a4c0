"""Connectivity checks against small real servers on this machine."""

import asyncio
import hashlib
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from aioice import stun

from rtc.connectivity import (
    Address,
    UnreachableError,
    echo,
    host_addresses,
    mapped_address,
    relayed_address,
)
from rtc.ice_servers import IceEndpoint
from tests.patience import PATIENCE, until_listening
from web.access.ice import mint

MAX_WAIT = 5.0  # far more than an answer from this machine takes
REALM = "test"
RELAYED = ("198.51.100.7", 50_000)


class StunServer(asyncio.DatagramProtocol):
    """Answers binding requests, except the first `ignores`."""

    def __init__(self, ignores: int = 0) -> None:
        self.ignores = ignores
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def reply(self, request: stun.Message, kind: stun.Class, **attributes: object) -> stun.Message:
        named = {name.replace("_", "-"): value for name, value in attributes.items()}
        return stun.Message(request.message_method, kind, request.transaction_id, named)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.asked += 1
        if self.asked > self.ignores:
            request = stun.parse_message(data)
            answer = self.reply(request, stun.Class.RESPONSE, XOR_MAPPED_ADDRESS=addr[:2])
            self.transport.sendto(bytes(answer), addr)


class TurnServer(StunServer):
    """Allocates RELAYED for clients that know `password`: RFC 8656, section 7."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__()
        self.username = username
        self.key = hashlib.md5(f"{username}:{REALM}:{password}".encode()).digest()
        self.lifetimes: list[int] = []

    def datagram_received(self, data: bytes, addr: Address) -> None:
        request = stun.parse_message(data)
        if request.attributes.get(
            "USERNAME"
        ) != self.username or not request.check_message_integrity(self.key):
            error = self.reply(
                request,
                stun.Class.ERROR,
                ERROR_CODE=(401, "Unauthorized"),
                NONCE=b"nonce",
                REALM=REALM,
            )
            self.transport.sendto(bytes(error), addr)
            return
        self.lifetimes.append(request.attributes["LIFETIME"])
        granted = self.reply(
            request,
            stun.Class.RESPONSE,
            LIFETIME=request.attributes["LIFETIME"],
            XOR_MAPPED_ADDRESS=addr[:2],
            XOR_RELAYED_ADDRESS=RELAYED,
        )
        granted.add_message_integrity(self.key)
        self.transport.sendto(bytes(granted), addr)


class Noise(StunServer):
    """Answers with the transaction id, but not with STUN."""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.transport.sendto(b"HTTP/1.1 400 " + data[8:20], addr)


@asynccontextmanager
async def listening(server: StunServer) -> AsyncIterator[IceEndpoint]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        host, port = transport.get_extra_info("sockname")
        yield IceEndpoint("stun", host, port, "udp")
    finally:
        transport.close()


async def test_loopback_echoes() -> None:
    assert 0 < await echo("127.0.0.1", max_wait=MAX_WAIT) < MAX_WAIT


async def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(UnreachableError, match="cannot be bound"):
        await echo("203.0.113.1", max_wait=MAX_WAIT)


def test_loopback_is_not_offered_to_a_peer() -> None:
    assert not [host for host in host_addresses() if host == "::1" or host.startswith("127.")]


async def test_a_stun_server_returns_our_address() -> None:
    async with listening(StunServer()) as server:
        host, port = await mapped_address(server, max_wait=MAX_WAIT)
    assert host == "127.0.0.1"
    assert 0 < port <= 65535


async def test_a_lost_request_is_sent_again() -> None:
    async with listening(replies := StunServer(ignores=1)) as server:
        host, _ = await mapped_address(server, max_wait=MAX_WAIT)
    assert (host, replies.asked) == ("127.0.0.1", 2)


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=rf"127\.0\.0\.1:{port}/udp: .*refused"):
        await mapped_address(IceEndpoint("stun", "127.0.0.1", port, "udp"), max_wait=MAX_WAIT)


async def test_a_silent_server_is_given_up() -> None:
    async with listening(StunServer(ignores=1000)) as server:
        with pytest.raises(UnreachableError, match=r"no answer in 0\.1 s"):
            await mapped_address(server, max_wait=0.1)


async def test_an_answer_that_is_not_stun_is_an_error() -> None:
    async with listening(Noise()) as server:
        with pytest.raises(UnreachableError, match="the answer is not STUN"):
            await mapped_address(server, max_wait=MAX_WAIT)


async def test_a_turn_server_relays_with_the_right_credential_and_the_address_is_released() -> None:
    async with listening(allocator := TurnServer("1:me", "right")) as server:
        address = await relayed_address(
            server, username="1:me", credential="right", max_wait=MAX_WAIT
        )
    assert address == RELAYED
    asked, given_back = allocator.lifetimes
    assert asked > 0
    assert given_back == 0


async def test_a_wrong_credential_is_an_error_with_its_likely_cause() -> None:
    async with listening(TurnServer("1:me", "right")) as server:
        with pytest.raises(UnreachableError, match="401 Unauthorized: the secret differs"):
            await relayed_address(server, username="1:me", credential="wrong", max_wait=MAX_WAIT)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
async def test_coturn_accepts_a_minted_credential(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-n", "--use-auth-secret", "--static-auth-secret=north", "--realm=test", "--no-cli"]
    options += ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}"]
    options += ["--no-tls", "--no-dtls", f"--pidfile={tmp_path}/pid", "--log-file=stdout"]
    coturn = await asyncio.create_subprocess_exec(
        "turnserver",
        *options,
        f"--userdb={tmp_path}/db",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    server = IceEndpoint("turn", "127.0.0.1", port, "tcp")
    try:
        async with asyncio.timeout(PATIENCE):
            await until_listening(port)
            username, credential = mint("north", session="s1", expires=2**31 - 1)
            host, _ = await relayed_address(
                server, username=username, credential=credential, max_wait=MAX_WAIT
            )
    finally:
        coturn.kill()
        await coturn.wait()
    assert host == "127.0.0.1"
