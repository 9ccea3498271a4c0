"""The sound of turns to captions, and final captions to questions: the second stage of hearing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import inf
from typing import Any

import numpy as np

from media.channel import Channel
from media.events import Caption, CaptionWord, Question
from media.pipeline.context import SessionContext
from media.pipeline.hearing.turn_stage import RATE, TurnEnd, TurnSound
from media.pipeline.interfaces import Samples
from models.asr.words import RecognizedWord, TranscriptUpdate

SKIPPED = 15.0  # seconds of a turn at most that are heard in one look, where there is a hurry


@dataclass(slots=True, eq=False)
class TurnTranscript:
    """The caption of a turn in the making: `committed` words are final, `tentative` are not."""

    turn: int
    start: int
    asr: Any
    heard: int
    last: Samples | None = None  # sound that the recogniser hears when the turn is over
    sound: list[Samples] = field(default_factory=list)  # all of it, for a final pass
    committed: list[RecognizedWord] = field(default_factory=list)
    tentative: tuple[RecognizedWord, ...] = ()

    def add(self, heard: TranscriptUpdate) -> None:
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

    def _placed(self, word: RecognizedWord) -> CaptionWord:
        start, end = self.start + word.start, self.start + word.end
        return CaptionWord(word.text, start / RATE, end / RATE)


class CaptionStage:
    """The stage: writes captions of the turns' sound, and asks what a final caption asks."""

    def __init__(self, shared: SessionContext, ask: Callable[[Question], Awaitable[None]]) -> None:
        self._shared = shared
        self._ask = ask

    async def run(self, speech: Channel[TurnSound | TurnEnd]) -> None:
        """Write captions until `speech` ends. All that waits of a turn is heard at once."""
        draft: TurnTranscript | None = None
        while items := await speech.receive_all():
            joined = _joined(items)
            for item, following in zip_longest(joined, joined[1:]):
                if draft is None or draft.turn != item.turn:
                    state = self._shared.services.recognizer.init_state()
                    draft = TurnTranscript(item.turn, item.start, state, item.start)
                if isinstance(item, TurnEnd):
                    await self._finish(draft, item)
                    draft = None
                elif isinstance(following, TurnEnd) and self._behind(item, SKIPPED):
                    draft.last = item.samples
                    self._keep(draft, item.samples)
                else:
                    await self._hear(draft, item)

    async def _hear(self, draft: TurnTranscript, sound: TurnSound) -> None:
        recogniser = self._shared.services.recognizer
        self._keep(draft, sound.samples)
        draft.asr, outputs = await self._shared.services.asr_worker.run(
            recogniser.step, draft.asr, sound.samples, skip_interim=self._behind(sound)
        )
        await self._say(draft, outputs)

    def _behind(self, sound: TurnSound, most: float = inf) -> bool:
        """Tell whether so much sound has waited that there is no time for every partial caption.

        Sound that is over and no longer than `most` seconds may go without any.
        """
        behind = len(sound.samples) / RATE
        return (
            self._shared.limits.max_lag is not None and self._shared.limits.max_lag < behind <= most
        )

    async def _say(self, draft: TurnTranscript, outputs: Sequence[TranscriptUpdate]) -> None:
        """Send a caption for each of `outputs` that has words."""
        for heard in outputs:
            draft.add(heard)
            caption = draft.caption(end=None)
            if caption.words:
                await self._shared.send(caption)
                self._shared.counters.caption_sent(caption.words[-1].end, self._shared.clock.now())

    async def _finish(self, draft: TurnTranscript, over: TurnEnd) -> None:
        """Send the final caption of the turn, and ask it where questions are wanted."""
        if not over.kept:
            return
        await self._complete(draft)
        draft.heard = max(draft.heard, over.end)
        caption = draft.caption(end=over.end)
        await self._shared.send(caption)
        if caption.words:
            self._shared.counters.caption_sent(caption.words[-1].end, self._shared.clock.now())
        if over.listening.respond and caption.text:
            id = f"turn-{over.turn}"
            self._shared.questions.open(id)
            spoken = over.listening.spoken
            await self._ask(Question(id, caption.text, over.end / RATE, spoken))

    def _keep(self, draft: TurnTranscript, samples: Samples) -> None:
        if self._shared.services.final_pass is not None:
            draft.sound.append(samples)

    async def _complete(self, draft: TurnTranscript) -> None:
        """Hear the last of the turn, or all of it again where there is a final pass."""
        services = self._shared.services
        if services.final_pass is None:
            for heard in await services.asr_worker.run(
                services.recognizer.flush, draft.asr, draft.last
            ):
                draft.add(heard)
            return
        sound = np.concatenate([np.zeros(0, np.float32), *draft.sound])
        words = await services.asr_worker.run(services.final_pass.transcribe, sound)
        draft.committed, draft.tentative = list(words), ()


def _joined(items: Sequence[TurnSound | TurnEnd]) -> list[TurnSound | TurnEnd]:
    """Return `items` with successive pieces of one turn's sound made one piece."""
    joined: list[TurnSound | TurnEnd] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, TurnSound) and isinstance(last, TurnSound) and last.turn == item.turn:
            samples = np.concatenate([last.samples, item.samples])
            joined[-1] = TurnSound(item.turn, item.start, samples)
        else:
            joined.append(item)
    return joined
