"""Sends the events of a session to its client, in order and each once, over whatever connection.

What a lost connection has swallowed is sent again over the next one: a client that comes back says
which event was the last that it got.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence

from web.protocol.state import Event, PictureEvent
from web.realtime.lines.event_log import EventLog
from web.realtime.lines.line import Line, LineBrokenError, LineRefusedError

logger = logging.getLogger(__name__)

OF_THE_MOMENT = ("eyeline.stats", "eyeline.relevance")  # of no use to a client that was away


class Delivery:
    """The events of one session; `on_refusal` is called if its client takes none.

    If `kept` is given, no event is sent before it has returned for its number: what a client has
    seen is known to another machine. If it returns False, nothing is sent any more. `arriving` is
    an event that is on its way into the log.
    """

    def __init__(
        self,
        text_of: Callable[[Event], Awaitable[str]],
        *,
        on_refusal: Callable[[str], None],
        kept: Callable[[int], Awaitable[bool]] | None = None,
    ) -> None:
        self.arriving: Event | None = None
        self._text_of = text_of
        self._on_refusal = on_refusal
        self._kept = kept
        self._ended = False
        self._log = EventLog()
        self._line: Line | None = None
        self._sent = 0  # the number of the last event that was sent
        self._sending = asyncio.Lock()

    async def run(self, events: AsyncIterable[Event]) -> None:
        """Deliver `events` until they end."""
        async for event in events:
            if is_of_the_moment(event):
                await self._send_now(await self._text_of(event))
                continue
            self.arriving = event
            text = await self._text_of(event)
            number = event_number(str(event["event_id"]))
            self._log.add(number, text)
            self.arriving = None
            if self._kept is not None and not self._ended and not await self._kept(number):
                await self.end()
            await self.resume()

    @property
    def texts(self) -> Sequence[tuple[int, str]]:
        """The events that a client may still ask for, each after its number."""
        return self._log.texts

    def restore(self, texts: Iterable[tuple[int, str]]) -> None:
        """Take the events that another process has sent, or was about to."""
        for number, text in texts:
            self._log.add(number, text)
            self._sent = number

    async def end(self) -> None:
        """Send nothing any more: another process goes on with the session."""
        self._ended = True
        async with self._sending:
            self._line = None

    async def attach(self, line: Line | None, *, after: int | None = None) -> bool:
        """Send over `line` from now on; return whether events are missing.

        `after` is the number of the last event that the client has; None: the last that was sent.
        """
        async with self._sending:
            self._line = None if self._ended else line
            if after is not None:
                self._sent = min(after, self._sent)
            missing = self._log.misses(self._sent)
        await self.resume()
        return missing

    async def resume(self) -> None:
        """Send what waits."""
        async with self._sending:
            while self._line is not None and (entry := self._log.after(self._sent)) is not None:
                number, text = entry
                if not await self._send(self._line, text):
                    return
                self._sent = number

    async def _send_now(self, text: str) -> None:
        """Send an event that is not kept, unless others wait before it."""
        async with self._sending:
            if self._line is not None and self._log.after(self._sent) is None:
                await self._send(self._line, text)

    async def _send(self, line: Line, text: str) -> bool:
        """Send an event; return whether more can be sent."""
        try:
            await line.send(text)
        except LineBrokenError as error:
            logger.debug("an event waits for the client: %s", error)
            return False
        except LineRefusedError as error:
            self._line = None
            self._on_refusal(str(error))
            return False
        return True


def is_of_the_moment(event: Event) -> bool:
    """Return whether an event is of no use to a client that was away."""
    return isinstance(event, PictureEvent) or event["type"] in OF_THE_MOMENT


def event_number(id: str) -> int:
    """Return the number of an event from its id, in which it is last.

    Raises:
        ValueError: there is none.
    """
    return int(id.rpartition("_")[2])
