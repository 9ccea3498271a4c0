"""A session over WebSockets: what a client sends and gets are events alone."""

from dataclasses import replace
from functools import partial

from media.clock import Clock
from media.events.session import Output
from media.pipeline.carried import CarriedState
from rtc.network import NetworkState
from web.context import ServiceContext
from web.protocol.protocol import RealtimeProtocol
from web.realtime.bridge import SessionBridge
from web.realtime.lines.websocket_line import FAILED, GOING_AWAY, NORMAL, WebSocketLine
from web.realtime.resumable_session import ResumableSession
from web.sessions.record import SessionRecord

RESTART = 1012  # IANA registry of WebSocket close codes
REPLACED = 4001  # private use, RFC 6455, section 7.4.2


class WebSocketSession(ResumableSession[WebSocketLine]):
    """The session of a client that comes over a WebSocket, and may come back over others."""

    def __init__(
        self,
        context: ServiceContext,
        record: SessionRecord,
        protocol: RealtimeProtocol,
        clock: Clock | None = None,
        carried: CarriedState | None = None,
    ) -> None:
        bridge = SessionBridge(
            record,
            protocol,
            context.message_worker,
            context.models.services.images,
            carried=carried,
            count=partial(context.doorkeeper.count_request, record.opener),
        )
        super().__init__(context, record, bridge, clock)

    def resume(self, line: WebSocketLine, *, after: int | None) -> bool:
        before = self.newest
        resumed = super().resume(line, after=after)
        if resumed and before is not None:
            before.close_code = REPLACED
        return resumed

    async def move_away(self) -> None:
        if self.newest is not None:
            self.newest.close_code = RESTART
        await super().move_away()

    async def _run(self) -> None:
        limits = replace(self._context.models.limits, lossless=True)  # audio may come faster

        async def send(output: Output) -> None:
            await self.bridge.emit(output)  # speech is in its events, not on a track

        await self.bridge.run(
            self._context,
            self.clock,
            self._visits.serve,
            send,
            network_stats=_no_network_stats,
            limits=limits,
        )

    async def _finish(self, *, failed: bool) -> None:
        code = GOING_AWAY if self._context.closing.is_set() else NORMAL
        if self.newest is not None:
            self.newest.close_code = FAILED if failed else code
        await super()._finish(failed=failed)


async def _no_network_stats() -> NetworkState | None:
    """Return None: the state of the network is unknown over a WebSocket."""
    return None
