"""Watches a peer: ends it if it does not connect, falls silent, or sends too much."""

import asyncio
from collections.abc import Callable
from typing import Never

from media.clock import Clock
from rtc.aiortc_patches.guards import Guards
from rtc.limits import PeerLimits
from rtc.liveness import Liveness, check_due, silence, update

PERIOD = 0.25  # seconds between two looks
CHECK_INTERVAL = 1.0  # seconds between two consent checks, which measure the round trip
MAX_UNFINISHED_BYTES = 8 << 20  # of incomplete messages


class Monitor:
    """Watches one peer from its start; `on_end` takes the reason for its end, and if it is lost.

    `on_silence` takes whether the peer is silent, each time that this changes: nothing authentic
    came for `lost_timeout` seconds, and two periods more at most.
    """

    def __init__(
        self,
        guards: Guards,
        clock: Clock,
        limits: PeerLimits,
        connected: asyncio.Event,
        *,
        on_silence: Callable[[bool], None],
        on_end: Callable[[str, bool], None],
    ) -> None:
        self._guards = guards
        self._clock = clock
        self._limits = limits
        self._connected = connected
        self._on_silence = on_silence
        self._on_end = on_end
        self._silent = False

    async def run(self) -> Never:
        """Watch until cancelled."""
        limits = self._limits
        interval = min(CHECK_INTERVAL, limits.lost_timeout / 4, limits.silence_timeout / 4)
        period = min(PERIOD, interval)
        started = asked = self._clock.now()
        liveness = Liveness(last_arrival=started, checked=started)
        while True:
            due = self._clock.now() + period
            await self._clock.sleep_until(due)
            now = self._clock.now()
            authentic = self._guards.counters.authentic
            liveness = update(liveness, now, authentic, late=now > due + period)
            if self._connected.is_set():
                self._judge(silence(liveness))
                if check_due(liveness, asked, interval):
                    asked = now
                    self._guards.check_consent()
            elif now - started > limits.connect_timeout:
                self._on_end(f"not connected within {limits.connect_timeout:g} s", True)
            if self._guards.unread_message_bytes > MAX_UNFINISHED_BYTES:
                self._on_end("the client began messages and did not finish them", False)

    def _judge(self, seconds: float) -> None:
        """Report a silence of so many seconds."""
        longest = self._limits.silence_timeout
        silent = seconds >= self._limits.lost_timeout
        if silent != self._silent:
            self._silent = silent
            self._on_silence(silent)
        if seconds > longest:
            self._on_end(f"nothing arrived from the client for {longest:g} s", True)
