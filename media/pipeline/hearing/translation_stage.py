"""Turns in other languages to English text: beside the captions, which come first."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from media.channel import Channel
from media.events.hearing import Translation
from media.frames import SAMPLE_RATE
from media.pipeline.context import SessionContext
from media.pipeline.interfaces import Samples
from media.pipeline.models.hearing import SpeechChunk
from media.servers.server import ModelHandle
from media.servers.urgency import Urgency


@dataclass(frozen=True, slots=True, eq=False)
class TurnSound:
    """The next sound of a turn in `language`; with `live` it is translated before the turn ends."""

    turn: int
    language: str
    samples: Samples
    live: bool


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The sound of a turn is complete; with `kept` False it is discarded.

    With `asked` somebody waits for the translation: it is a question.
    """

    turn: int
    language: str
    kept: bool
    asked: bool


TranslationItem = TurnSound | TurnOver


@dataclass(slots=True, eq=False)
class TurnTranslation:
    """A turn in work: `waiting` is sound that was not translated yet."""

    turn: int
    handle: ModelHandle[Any, SpeechChunk, Any]
    waiting: Samples


class TranslationStage:
    """Sends a `Translation` after each interval of a turn, and the final one at its end."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._interval = round(context.limits.translation_interval * SAMPLE_RATE)

    async def run(self, channel: Channel[TranslationItem]) -> None:
        """Translate until `channel` ends."""
        turn: TurnTranslation | None = None
        while items := await channel.receive_all():
            for item in items:
                if turn is None or turn.turn != item.turn:
                    turn = await self._begin(item)
                if isinstance(item, TurnSound):
                    turn.waiting = np.concatenate([turn.waiting, item.samples])
                    last = item is items[-1] or self._context.limits.repeatable
                    if item.live and last:
                        await self._step(turn, item)
                elif item.kept:
                    await self._finish(turn, item)

    async def _begin(self, item: TranslationItem) -> TurnTranslation:
        server = await self._context.services.languages.translator(item.language)
        return TurnTranslation(item.turn, await server.open(), np.zeros(0, np.float32))

    async def _step(self, turn: TurnTranslation, item: TurnSound) -> None:
        """Translate what waits, if it is an interval; piece by piece if it must be repeatable."""
        while len(turn.waiting) >= self._interval:
            count = self._interval if self._context.limits.repeatable else len(turn.waiting)
            chunk, turn.waiting = SpeechChunk(turn.waiting[:count]), turn.waiting[count:]
            for found in await turn.handle.step(chunk, Urgency.TRANSLATION):
                if found.text:
                    await self._context.send(
                        Translation(item.turn, found.stable, found.tentative, item.language, False)
                    )

    async def _finish(self, turn: TurnTranslation, item: TurnOver) -> None:
        urgency = Urgency.ANSWER if item.asked else Urgency.TRANSLATION
        (found,) = await turn.handle.step(SpeechChunk(turn.waiting, last=True), urgency)
        await self._context.send(Translation(item.turn, found.text, "", item.language, True))
