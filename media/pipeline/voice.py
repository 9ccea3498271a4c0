"""Answers to speech: spoken clause by clause, while the rest is still being thought."""

import re
from collections.abc import Awaitable, Callable

from media.channel import Channel
from media.events import Answer, Output, Speech
from media.frames import AudioChunk
from media.pipeline.questions import Questions
from media.pipeline.services import Services

CLAUSE_END = re.compile(r"(?<=[.!?;:])\s+|(?<=,)\s+(?=\S+\s+\S+)")
LONGEST_CLAUSE = 160  # characters after which a clause is cut at white space


class Mouth:
    """The stage: speaks the pieces of answers in the order in which they come."""

    def __init__(
        self,
        send: Callable[[Output], Awaitable[None]],
        *,
        services: Services,
        questions: Questions,
    ) -> None:
        self._send = send
        self._services = services
        self._questions = questions

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
        voice = self._services.voice
        if voice is None or self._questions.cancelled(id):
            return start
        samples = await self._services.mouth.run(voice.speak, clause)
        if len(samples) and not self._questions.cancelled(id):
            await self._send(Speech(id, AudioChunk(samples, start, voice.rate)))
            start += len(samples)
        return start

    async def _finish(self, answer: Answer) -> None:
        status = "cancelled" if self._questions.cancelled(answer.id) else answer.status
        await self._send(Speech(answer.id, None, status))
        self._questions.close(answer.id)


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
