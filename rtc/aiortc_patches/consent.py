"""Consent checks, which also measure the round trip."""

import asyncio

from aioice import stun
from aiortc import RTCDtlsTransport

from rtc.aiortc_patches.connection import ice_connection


async def probe(transport: RTCDtlsTransport) -> float | None:
    """Measure the round trip to the peer in seconds; None if there is no answer in 0.5 s.

    This is the consent check of RFC 7675, which every WebRTC peer answers.
    """
    connection = ice_connection(transport.transport)
    pair = next(iter(connection._nominated.values()), None)
    if pair is None or connection.remote_password is None:
        return None
    loop = asyncio.get_running_loop()
    sent = loop.time()
    try:
        await pair.protocol.request(
            connection.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=connection.remote_password.encode(),
            retransmissions=0,
        )
    except stun.TransactionError:
        return None
    return loop.time() - sent
