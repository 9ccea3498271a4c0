"""Datagrams from anybody to the sockets of a peer, and what a test's event loop complains about."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.peer import Peer

Address = tuple[str, int]


def sockets_of(peer: Peer) -> list[Address]:
    """Return the IPv4 addresses at which `peer` receives."""
    found: list[Address] = []
    for transport in transports(peer._connection):
        for protocol in ice_connection(transport.transport)._protocols:
            host, port = protocol.transport.get_extra_info("sockname")[:2]
            if ":" not in host:
                found.append((host, port))
    return found


def send_from_elsewhere(peer: Peer, *datagrams: bytes) -> int:
    """Send `datagrams` to every socket of `peer` from a new one; return how many were sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        addresses = sockets_of(peer)
        for address in addresses:
            for data in datagrams:
                stranger.sendto(data, address)
    return len(addresses) * len(datagrams)


@asynccontextmanager
async def no_complaints(
    caplog: pytest.LogCaptureFixture, *, expected: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Fail if the event loop reports an exception, or anything logs a warning, in the block.

    Warnings that begin as one of `expected` are no complaints.
    """
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    with caplog.at_level(logging.WARNING):
        yield
        gc.collect()  # a task's exception that nobody took is reported when the task is deleted
        await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert not complaints, complaints
    # that a picture cannot be decoded is no fault of ours
    others = [each for each in caplog.messages if "failed to decode" not in each]
    assert not [each for each in others if not each.startswith(tuple(expected))]
