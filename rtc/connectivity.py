"""Connectivity checks for WebRTC: local UDP, STUN servers and TURN servers.

`max_wait` is in seconds.
"""

import asyncio
import secrets
import struct
from typing import cast

from aioice import stun
from aioice.ice import get_host_addresses
from aioice.turn import create_turn_endpoint

from rtc.ice_servers import IceEndpoint

RESEND_INTERVAL = 0.5  # seconds between tries of a request over UDP: RFC 8489, section 6.2.1
Address = tuple[str, int]


class UnreachableError(ConnectionError):
    """A server did not answer or refused; the message names it and says why."""


class _Replies(asyncio.DatagramProtocol):
    """Completes `first` with the first datagram that contains `expected`."""

    def __init__(self) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.expected = b""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.expected in data and not self.first.done():
            self.first.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(exc)


class _Echo(asyncio.DatagramProtocol):
    """Sends each datagram back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._transport.sendto(data, addr)


def host_addresses() -> list[str]:
    """Return the addresses that WebRTC offers to a peer, without loopback."""
    return list(get_host_addresses(use_ipv4=True, use_ipv6=True))


async def echo(host: str, *, max_wait: float) -> float:
    """Send a datagram to our own socket at `host` and back; return the round trip in seconds.

    Raises:
        UnreachableError: `host` cannot be bound, or a firewall drops the datagram.
    """
    loop = asyncio.get_running_loop()
    try:
        far, _ = await loop.create_datagram_endpoint(_Echo, local_addr=(host, 0))
    except OSError as error:
        raise UnreachableError(f"UDP at {host}: cannot be bound ({error})") from error
    try:
        started = loop.time()
        token = secrets.token_bytes(16)
        await _request(far.get_extra_info("sockname")[:2], token, token, max_wait)
        return loop.time() - started
    finally:
        far.close()


async def mapped_address(server: IceEndpoint, *, max_wait: float) -> Address:
    """Return our address as seen by `server`, with a STUN binding request over UDP.

    Raises:
        UnreachableError: there was no answer in time, or no valid one.

    Source: RFC 8489, section 3.
    """
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        reply = await _request(
            (server.host, server.port), bytes(request), request.transaction_id, max_wait
        )
        answer = stun.parse_message(reply)
    except (ValueError, struct.error) as error:
        raise UnreachableError(f"{server}: the answer is not STUN ({error})") from error
    if "XOR-MAPPED-ADDRESS" not in answer.attributes:
        raise UnreachableError(f"{server}: the answer has no address")
    host, port = answer.attributes["XOR-MAPPED-ADDRESS"]
    return str(host), int(port)


async def relayed_address(
    server: IceEndpoint, *, username: str, credential: str, max_wait: float
) -> Address:
    """Allocate a relayed address on `server`, release it at once, and return it.

    Raises:
        UnreachableError: the server did not answer, or refused the credential.

    Source: RFC 8656, section 7.
    """
    try:
        async with asyncio.timeout(max_wait):
            transport, closed = await create_turn_endpoint(
                _Allocation,
                server_addr=(server.host, server.port),
                username=username,
                password=credential,
                ssl=server.tls,
                transport=server.transport,
            )
            host, port = transport.get_extra_info("sockname")
            transport.close()
            await closed.lost.wait()
    except TimeoutError as error:
        raise UnreachableError(f"{server}: no answer in {max_wait:g} s") from error
    except (stun.TransactionError, OSError) as error:
        raise UnreachableError(f"{server}: {_explanation(error)}") from error
    return str(host), int(port)


class _Allocation(asyncio.DatagramProtocol):
    """Signals that an allocation has been released."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


def _explanation(error: Exception) -> str:
    """Return why an allocation failed, with advice to the operator."""
    if isinstance(error, stun.TransactionFailed):
        code, phrase = error.response.attributes.get("ERROR-CODE", (0, "refused"))
        advice = (
            ": the secret differs from the server's, or a clock is wrong" if code == 401 else ""
        )
        return f"{code} {phrase}{advice}"
    return str(error) or "no answer"


async def _request(address: Address, request: bytes, expected: bytes, max_wait: float) -> bytes:
    """Send `request` repeatedly until a datagram that contains `expected` arrives."""
    loop = asyncio.get_running_loop()
    label = f"{address[0]}:{address[1]}/udp"
    try:
        async with asyncio.timeout(max_wait):
            transport, replies = await loop.create_datagram_endpoint(_Replies, remote_addr=address)
            replies.expected = expected
            try:
                while True:
                    transport.sendto(request)
                    done, _ = await asyncio.wait([replies.first], timeout=RESEND_INTERVAL)
                    if done:
                        return replies.first.result()
            finally:
                transport.close()
    except TimeoutError as error:
        raise UnreachableError(f"{label}: no answer in {max_wait:g} s") from error
    except OSError as error:
        raise UnreachableError(f"{label}: {error}") from error
