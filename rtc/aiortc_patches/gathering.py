"""Our ICE candidates."""

from aioice import Candidate
from aiortc import RTCIceTransport

from rtc.aiortc_patches.connection import ice_connection

LOOPBACK = "127.0.0.1"


def offer_loopback(transport: RTCIceTransport) -> None:
    """Add 127.0.0.1 to the candidates; call before they are gathered."""
    connection = ice_connection(transport)
    gather = connection.get_component_candidates

    async def gather_with_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [*addresses, LOOPBACK])

    connection.get_component_candidates = gather_with_loopback  # type: ignore[method-assign, assignment]
