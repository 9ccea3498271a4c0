"""The sessions that are alive, how many there may be, and the captions of each.

Admission is here and nowhere else: a count, checked before anything of a session is made.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from media.channel import Channel, ChannelClosedError
from media.clock import Clock
from media.counters import Counters
from media.events import Answer, Cancel, Caption, Evidence, Input, Output, Question, Remembered
from web.problems import ProblemError

SessionKind = Literal["websocket", "call", "whip"]

MAX_CAPTIONS = 10_000  # final captions kept of one session: a day of talk
MAX_ENDED = 1_000  # sessions whose captions are kept after their end
MAX_MOMENTS = 5_000  # remembered moments whose small pictures are kept: 20 MB
MAX_QUESTIONS = 8  # that wait for an answer of one session, beside its conversation
ANSWER_QUEUE = 256  # pieces of an answer that wait to be read
RETRY_AFTER = 5  # seconds, said to a client that found no room


class SessionsFullError(ProblemError):
    """As many sessions are alive as may be."""

    def __init__(self, capacity: int) -> None:
        super().__init__(
            503,
            f"all {capacity} sessions are in use: try again in {RETRY_AFTER} s",
            code="sessions_full",
            headers={"Retry-After": str(RETRY_AFTER)},
        )


@dataclass(slots=True, eq=False)
class SessionRecord:
    """One session: times are on the service's clock; `leave` asks it to end.

    `captions` are the final ones with words, the newest; `gone` older ones were let go.
    """

    id: str
    kind: SessionKind
    started: float
    counters: Counters = field(default_factory=Counters)
    end_requested: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float | None = None
    captions: list[Caption] = field(default_factory=list)
    dropped_captions: int = 0
    moments: dict[int, Remembered] = field(default_factory=dict)
    submit: Callable[[Input], Awaitable[None]] | None = None  # while the session runs
    media_time: Callable[[], float] = lambda: 0.0  # up to when it has heard or seen, in seconds
    _answers: dict[str, Channel[Answer | Evidence]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add_caption(self, caption: Caption) -> None:
        """Keep a final caption that has words."""
        self.captions.append(caption)
        surplus = len(self.captions) - MAX_CAPTIONS
        if surplus > 0:
            del self.captions[:surplus]
            self.dropped_captions += surplus
        async with self._changed:
            self._changed.notify_all()

    def add_moment(self, output: Remembered) -> None:
        """Keep what was remembered, the newest `MAX_MOMENTS`."""
        self.moments[output.moment.number] = output
        while len(self.moments) > MAX_MOMENTS:
            del self.moments[next(iter(self.moments))]

    async def ask(self, question: Question) -> AsyncGenerator[Answer | Evidence, None]:
        """Ask the running session, beside its conversation; yield the answer as it comes.

        It ends without an answer's last piece where the session ends. Who stops reading it
        stops the answer, too.

        Raises:
            ProblemError: the session is over, or has enough questions to answer.
        """
        over = f"session {self.id} is over: it answers nothing more"
        if self.submit is None:
            raise ProblemError(409, over)
        if len(self._answers) >= MAX_QUESTIONS:
            raise ProblemError(
                429,
                f"{MAX_QUESTIONS} questions wait for an answer: try again in {RETRY_AFTER} s",
                code="too_many_questions",
                headers={"Retry-After": str(RETRY_AFTER)},
            )
        answers: Channel[Answer | Evidence] = Channel(ANSWER_QUEUE)
        self._answers[question.id] = answers
        finished = False
        try:
            try:
                await self.submit(question)
            except ChannelClosedError:
                raise ProblemError(409, over) from None
            async for answer in answers:
                finished = isinstance(answer, Answer) and answer.status != "streaming"
                yield answer
                if finished:
                    return
        finally:
            del self._answers[question.id]
            await answers.close()
            if not finished and self.submit is not None:  # who asked has left
                with suppress(ChannelClosedError):
                    await self.submit(Cancel(question.id))

    async def deliver_answer(self, output: Output) -> bool:
        """Give `output` to who asked for it by `ask`; return whether somebody did."""
        if not isinstance(output, Answer | Evidence) or output.id not in self._answers:
            return False
        answers = self._answers[output.id]
        with suppress(ChannelClosedError):
            await answers.send(output)
        return True

    async def follow_captions(self, start: int = 0) -> AsyncIterator[tuple[int, Caption]]:
        """Yield final captions with their numbers from `start` on, as they come, until the end.

        A slow follower holds nothing up: it finds the captions that are still kept.
        """
        while True:
            start = max(start, self.dropped_captions)
            while start < self.dropped_captions + len(self.captions):
                yield start, self.captions[start - self.dropped_captions]
                start = max(start + 1, self.dropped_captions)
            if self.ended is not None:
                return
            async with self._changed:
                await self._changed.wait_for(partial(self._has_more, start))

    def moments_after(self, after: int = -1) -> list[Remembered]:
        """Return the kept moments whose number is above `after`, oldest first."""
        return [each for number, each in self.moments.items() if number > after]

    async def end(self, now: float) -> None:
        """Say that the session is over."""
        self.ended = now
        self.submit = None
        for answers in list(self._answers.values()):
            await answers.close()
        async with self._changed:
            self._changed.notify_all()

    def summary(self, now: float) -> dict[str, Any]:
        """Return what an operator sees of the session."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": "live" if self.ended is None else "ended",
            "seconds": round((self.ended or now) - self.started, 3),
            "captions": self.dropped_captions + len(self.captions),
            **self.counters.snapshot(),
        }

    def _has_more(self, number: int) -> bool:
        return self.ended is not None or number < self.dropped_captions + len(self.captions)


class Sessions:
    """All sessions by id. Those that ended are kept for `kept` seconds, for their captions."""

    def __init__(self, capacity: int, clock: Clock, *, retention: float) -> None:
        self.capacity = capacity
        self._clock = clock
        self._retention = retention
        self._sessions: dict[str, SessionRecord] = {}
        self._in_use = 0

    @property
    def free(self) -> int:
        """How many more sessions may begin."""
        return self.capacity - self._in_use

    def start(self, kind: SessionKind) -> SessionRecord:
        """Return a new session; it takes a place until its end.

        Raises:
            SessionsFullError: there is none.
        """
        if self._in_use >= self.capacity:
            raise SessionsFullError(self.capacity)
        self._in_use += 1
        self._expire()
        record = SessionRecord(f"sess_{secrets.token_hex(8)}", kind, self._clock.now())
        self._sessions[record.id] = record
        return record

    async def end(self, record: SessionRecord) -> None:
        """Say that `live` is over and free its place; its captions stay for a while."""
        if record.ended is None:
            self._in_use -= 1
        await record.end(self._clock.now())

    def get(self, id: str) -> SessionRecord:
        """Return session `id`.

        Raises:
            ProblemError: there is none, or it was forgotten.
        """
        record = self.find(id)
        if record is None:
            raise ProblemError(404, f"no session {id[:80]!r}: it never was, or ended long ago")
        return record

    def find(self, id: str) -> SessionRecord | None:
        """Return session `id`, or None where there is none or it was forgotten."""
        self._expire()
        return self._sessions.get(id)

    def all(self) -> list[SessionRecord]:
        """Return the sessions, oldest first."""
        self._expire()
        return list(self._sessions.values())

    def end_all(self) -> None:
        """Ask every session to end."""
        for live in self._sessions.values():
            live.end_requested.set()

    def _expire(self) -> None:
        """Forget sessions that ended long ago, and the oldest of those that ended, if many."""
        now = self._clock.now()
        ended = [live for live in self._sessions.values() if live.ended is not None]
        for place, live in enumerate(ended):
            assert live.ended is not None
            if now - live.ended > self._retention or len(ended) - place > MAX_ENDED:
                del self._sessions[live.id]
