"""The outlets of one connection, one for each transport."""

from aiortc import RTCDtlsTransport

from media.clock import Clock
from rtc.congestion.rate_control import RateLimits
from rtc.sending.outlet import Outlet


class Outlets:
    """Makes an outlet for a transport when its first sender starts."""

    def __init__(self, clock: Clock, limits: RateLimits) -> None:
        self.clock = clock
        self.limits = limits
        self._outlets: dict[RTCDtlsTransport, Outlet] = {}

    def of(self, transport: RTCDtlsTransport) -> Outlet:
        """Return the outlet of `transport`."""
        if transport not in self._outlets:
            self._outlets[transport] = Outlet(transport, self.clock, self.limits)
        return self._outlets[transport]
