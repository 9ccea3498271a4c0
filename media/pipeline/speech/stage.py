"""Answers to speech: spoken clause by clause, while the rest is still being thought."""

import re

from media.channel import Channel
from media.events import Answer, Speech
from media.frames import AudioChunk
from media.pipeline.context import SessionContext

CLAUSE_END = re.compile(r"(?<=[.!?;:])\s+|(?<=,)\s+(?=\S+\s+\S+)")
LONGEST_CLAUSE = 160  # characters after which a clause is cut at white space


class SpeechStage:
    """The stage: speaks the pieces of answers in the order in which they come."""

    def __init__(self, shared: SessionContext) -> None:
        self._shared = shared

    async def run(self, answers: Channel[Answer]) -> None:
        """Speak until `answers` ends. Where there is no voice, say that speech is over."""
        text, start = "", 0
        async for answer in answers:
            last = answer.status != "streaming"
            clauses, text = split_clauses(text + answer.text, last=last)
            for clause in clauses:
                start = await self._speak(answer.id, clause, start)
            if last:
                await self._finish(answer)
                text, start = "", 0

    async def _speak(self, id: str, clause: str, start: int) -> int:
        """Send `clause` as sound that begins at sample `start`; return where the next begins."""
        voice = self._shared.services.synthesizer
        if voice is None or self._shared.questions.cancelled(id):
            return start
        samples = await self._shared.services.tts_worker.run(voice.synthesize, clause)
        if len(samples) and not self._shared.questions.cancelled(id):
            await self._shared.send(Speech(id, AudioChunk(samples, start, voice.rate)))
            start += len(samples)
        return start

    async def _finish(self, answer: Answer) -> None:
        status = "cancelled" if self._shared.questions.cancelled(answer.id) else answer.status
        await self._shared.send(Speech(answer.id, None, status))
        self._shared.questions.close(answer.id)


def split_clauses(text: str, *, last: bool) -> tuple[list[str], str]:
    """Return the whole clauses at the beginning of `text`, and the rest.

    With `last` the rest is a clause too. A clause ends at a stop, at a comma that more words
    follow, or at `LONGEST_CLAUSE` characters.
    """
    *clauses, rest = CLAUSE_END.split(text)
    while len(rest) > LONGEST_CLAUSE and (cut := rest.rfind(" ", 1, LONGEST_CLAUSE)) > 0:
        clauses.append(rest[:cut])
        rest = rest[cut + 1 :]
    if last:
        clauses.append(rest)
        rest = ""
    return [clause.strip() for clause in clauses if clause.strip()], rest
