"""The sound of turns to captions, and final captions to questions: the second stage of hearing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import inf
from typing import Any

import numpy as np

from media.channel import Channel
from media.events import Caption, CaptionWord, Question
from media.pipeline.context import Shared
from media.pipeline.hearing.turn_stage import RATE, TurnOver, TurnSound
from media.pipeline.interfaces import Samples
from models.asr.words import Heard, Word

SKIPPED = 15.0  # seconds of a turn at most that are heard in one look, where there is a hurry


@dataclass(slots=True, eq=False)
class Draft:
    """The caption of a turn in the making: `committed` words are final, `tentative` are not."""

    turn: int
    start: int
    asr: Any
    heard: int
    last: Samples | None = None  # sound that the recogniser hears when the turn is over
    sound: list[Samples] = field(default_factory=list)  # all of it, for a final pass
    committed: list[Word] = field(default_factory=list)
    tentative: tuple[Word, ...] = ()

    def add(self, heard: Heard) -> None:
        self.committed += heard.committed
        self.tentative = heard.tentative
        self.heard = max(self.heard, self.start + heard.position)

    def caption(self, *, end: int | None) -> Caption:
        """Return the caption so far; it is final if the turn's `end` is known."""
        words = [*self.committed, *self.tentative]
        last = end if end is not None else self.start + (words[-1].end if words else 0)
        return Caption(
            turn=self.turn,
            words=tuple(self._placed(word) for word in words),
            stable=len(self.committed),
            start=self.start / RATE,
            end=last / RATE,
            heard=self.heard / RATE,
            final=end is not None,
        )

    def _placed(self, word: Word) -> CaptionWord:
        start, end = self.start + word.start, self.start + word.end
        return CaptionWord(word.text, start / RATE, end / RATE)


class Scribe:
    """The stage: writes captions of the turns' sound, and asks what a final caption asks."""

    def __init__(self, shared: Shared, ask: Callable[[Question], Awaitable[None]]) -> None:
        self._shared = shared
        self._ask = ask

    async def run(self, speech: Channel[TurnSound | TurnOver]) -> None:
        """Write captions until `speech` ends. All that waits of a turn is heard at once."""
        draft: Draft | None = None
        while items := await speech.receive_all():
            joined = _joined(items)
            for item, following in zip_longest(joined, joined[1:]):
                if draft is None or draft.turn != item.turn:
                    state = self._shared.services.recogniser.init_state()
                    draft = Draft(item.turn, item.start, state, item.start)
                if isinstance(item, TurnOver):
                    await self._finish(draft, item)
                    draft = None
                elif isinstance(following, TurnOver) and self._behind(item, SKIPPED):
                    draft.last = item.samples
                    self._keep(draft, item.samples)
                else:
                    await self._hear(draft, item)

    async def _hear(self, draft: Draft, sound: TurnSound) -> None:
        recogniser = self._shared.services.recogniser
        self._keep(draft, sound.samples)
        draft.asr, outputs = await self._shared.services.scribe.run(
            recogniser.step, draft.asr, sound.samples, hurry=self._behind(sound)
        )
        await self._say(draft, outputs)

    def _behind(self, sound: TurnSound, most: float = inf) -> bool:
        """Tell whether so much sound has waited that there is no time for every partial caption.

        Sound that is over and no longer than `most` seconds may go without any.
        """
        behind = len(sound.samples) / RATE
        return self._shared.limits.hurry is not None and self._shared.limits.hurry < behind <= most

    async def _say(self, draft: Draft, outputs: Sequence[Heard]) -> None:
        """Send a caption for each of `outputs` that has words."""
        for heard in outputs:
            draft.add(heard)
            caption = draft.caption(end=None)
            if caption.words:
                await self._shared.send(caption)
                self._shared.counters.captioned(caption.words[-1].end, self._shared.clock.now())

    async def _finish(self, draft: Draft, over: TurnOver) -> None:
        """Send the final caption of the turn, and ask it where questions are wanted."""
        if not over.kept:
            return
        await self._complete(draft)
        draft.heard = max(draft.heard, over.end)
        caption = draft.caption(end=over.end)
        await self._shared.send(caption)
        if caption.words:
            self._shared.counters.captioned(caption.words[-1].end, self._shared.clock.now())
        if over.listening.respond and caption.text:
            id = f"turn-{over.turn}"
            self._shared.questions.open(id)
            spoken = over.listening.spoken
            await self._ask(Question(id, caption.text, over.end / RATE, spoken))

    def _keep(self, draft: Draft, samples: Samples) -> None:
        if self._shared.services.finisher is not None:
            draft.sound.append(samples)

    async def _complete(self, draft: Draft) -> None:
        """Hear the last of the turn, or all of it again where there is a final pass."""
        services = self._shared.services
        if services.finisher is None:
            for heard in await services.scribe.run(
                services.recogniser.flush, draft.asr, draft.last
            ):
                draft.add(heard)
            return
        sound = np.concatenate([np.zeros(0, np.float32), *draft.sound])
        words = await services.scribe.run(services.finisher.hear, sound)
        draft.committed, draft.tentative = list(words), ()


def _joined(items: Sequence[TurnSound | TurnOver]) -> list[TurnSound | TurnOver]:
    """Return `items` with successive pieces of one turn's sound made one piece."""
    joined: list[TurnSound | TurnOver] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, TurnSound) and isinstance(last, TurnSound) and last.turn == item.turn:
            samples = np.concatenate([last.samples, item.samples])
            joined[-1] = TurnSound(item.turn, item.start, samples)
        else:
            joined.append(item)
    return joined
