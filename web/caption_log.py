"""The final captions of a session, with who said them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial

from media.events.hearing import Caption
from media.events.speakers import Speakers
from media.pipeline.hearing.speakers import relabelled

MAX_CAPTIONS = 10_000  # final captions kept of one session: a day of speech


class CaptionLog:
    """`kept` are the newest final captions with words; `dropped` older ones are not kept.

    `names` has the names of the speakers by number.
    """

    def __init__(self) -> None:
        self.kept: list[Caption] = []
        self.dropped = 0
        self.names: Mapping[int, str] = {}
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def count(self) -> int:
        """How many final captions there were."""
        return self.dropped + len(self.kept)

    async def add(self, caption: Caption) -> None:
        """Keep a final caption with words."""
        self.kept.append(caption)
        surplus = len(self.kept) - MAX_CAPTIONS
        if surplus > 0:
            del self.kept[:surplus]
            self.dropped += surplus
        async with self._changed:
            self._changed.notify_all()

    def note(self, speakers: Speakers) -> None:
        """Take the names of those who speak, and correct whose earlier captions are.

        Those from before a second person spoke are the first one's.
        """
        if len(self.names) < 2 <= len(speakers.names):
            self.kept = [
                relabelled(each, [w.speaker or 1 for w in each.words]) for each in self.kept
            ]
        self.names = dict(speakers.names)
        corrected = {each.turn: each.speakers for each in speakers.corrected}
        for index in range(len(self.kept) - 1, -1, -1) if corrected else ():
            caption = self.kept[index]
            if caption.turn < min(corrected):
                return
            if caption.turn in corrected:
                self.kept[index] = relabelled(caption, corrected[caption.turn])

    async def follow(self, start: int = 0) -> AsyncIterator[tuple[int, Caption]]:
        """Yield final captions with their numbers, from `start` on, until the session ends.

        A slow reader does not hold the session up; it misses captions that are no longer kept.
        """
        while True:
            start = max(start, self.dropped)
            while start < self.count:
                yield start, self.kept[start - self.dropped]
                start = max(start + 1, self.dropped)
            if self._ended:
                return
            async with self._changed:
                await self._changed.wait_for(partial(self._has_more, start))

    async def end(self) -> None:
        """Let those who follow come to the end."""
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    def _has_more(self, number: int) -> bool:
        return self._ended or number < self.count
