"""One live or recent session: what is known of it, and the questions that others ask it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from media.channel import Channel, ChannelClosedError
from media.counters import Counters
from media.events.answers import Answer, AnswerOutput, Cancel, Question
from media.events.hearing import Caption
from media.events.session import Input, Output
from media.events.speakers import Speakers
from media.events.vision import Remembered
from rtc.network import NetworkState
from web.access.auth import Caller
from web.access.waiting_line import WaitingLine
from web.history.caption_log import CaptionLog
from web.history.history import History
from web.problems import ProblemError
from web.sessions.attendance import Attendance, attendance_fields

SessionKind = Literal["websocket", "call", "whip"]

MAX_MOMENTS = 5_000  # moments kept of one session, with their small pictures: 20 MB
MAX_QUESTIONS = 8  # in progress per session, from outside its conversation; others wait
MAX_WAITING = 256  # of those
ANSWER_QUEUE = 256  # pieces


@dataclass(slots=True, eq=False)
class SessionRecord:
    """One session; times are on the service's clock. `request_end` ends it.

    `opener` is who opened the session. `submit` puts an input into the session while it runs, and
    `live` is what runs it. `network` is the last measured state of a call's network. `media_time`
    returns how far the session's audio or video has come, in seconds. A client that is away has
    `patience` seconds to come back. `moves` counts the processes that have had the session before.
    """

    id: str
    kind: SessionKind
    started: float
    opener: Caller = field(default_factory=Caller)
    counters: Counters = field(default_factory=Counters)
    end_requested: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float | None = None
    end_reason: str = ""
    captions: CaptionLog = field(default_factory=CaptionLog)
    history: History = field(default_factory=History)
    moments: dict[int, Remembered] = field(default_factory=dict)
    patience: float = 0.0
    moves: int = 0
    attendance: Attendance = field(default_factory=Attendance)
    submit: Callable[[Input], Awaitable[None]] | None = None
    live: object | None = None
    network: NetworkState | None = None
    media_time: Callable[[], float] = lambda: 0.0
    _answers: dict[str, Channel[AnswerOutput]] = field(default_factory=dict)
    _line: WaitingLine = field(
        default_factory=lambda: WaitingLine(MAX_QUESTIONS, longest=MAX_WAITING)
    )

    @property
    def owner(self) -> str | None:
        """Whose the session is."""
        return self.opener.owner

    @property
    def stored_as(self) -> str:
        """The name of its recording: each process that has the session makes one."""
        return f"{self.id}.{self.moves}" if self.moves else self.id

    def request_end(self, reason: str) -> None:
        """Ask the session to end; the first reason is kept."""
        self.end_reason = self.end_reason or reason
        self.end_requested.set()

    async def note_input(self, item: Input) -> None:
        """Note what enters the session; questions from outside are not of its conversation."""
        if not isinstance(item, Question) or item.id not in self._answers:
            await self.history.note_input(item)

    async def keep(self, output: Output) -> None:
        """Keep what of the session's outputs can be read later."""
        await self.history.note_output(output)
        match output:
            case Caption() if output.final and output.words:
                await self.captions.add(output)
            case Speakers():
                self.captions.note(output)
            case Remembered():
                self.add_moment(output)
            case _:
                pass

    def add_moment(self, output: Remembered) -> None:
        """Keep a moment; only the newest `MAX_MOMENTS` are kept."""
        self.moments[output.moment.number] = output
        while len(self.moments) > MAX_MOMENTS:
            del self.moments[next(iter(self.moments))]

    async def ask(self, question: Question) -> AsyncGenerator[AnswerOutput, None]:
        """Ask the running session a question from outside its conversation; yield the answer.

        If the session ends, the last piece of the answer is missing. Closing the generator cancels
        the answer.

        Raises:
            ProblemError: the session is over, or too many questions wait.
        """
        over = f"session {self.id} is over: it answers no more questions"
        if self.submit is None:
            raise ProblemError(409, over)
        await self._line.enter()
        answers: Channel[AnswerOutput] = Channel(ANSWER_QUEUE)
        self._answers[question.id] = answers
        finished = False
        try:
            if self.submit is None:  # it ended while the question waited
                raise ProblemError(409, over)
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
            self._line.leave()
            await answers.close()
            if not finished and self.submit is not None:
                with suppress(ChannelClosedError):
                    await self.submit(Cancel(question.id))

    async def deliver_answer(self, output: Output) -> bool:
        """Pass on `output` if it answers a question of `ask`; return whether it does."""
        if not isinstance(output, AnswerOutput) or output.id not in self._answers:
            return False
        answers = self._answers[output.id]
        with suppress(ChannelClosedError):
            await answers.send(output)
        return True

    def moments_after(self, after: int = -1) -> list[Remembered]:
        """Return the kept moments whose number is above `after`, oldest first."""
        return [each for number, each in self.moments.items() if number > after]

    async def end(self, now: float) -> None:
        """Mark the session as ended at `now`, and end what waits for it."""
        self.ended = now
        self.submit = self.live = self.network = None
        for answers in list(self._answers.values()):
            await answers.close()
        await self.captions.end()
        await self.history.end()

    def summary(self, now: float) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "state": "live" if self.ended is None else "ended",
            "end_reason": self.end_reason or None,
            "seconds": round((self.ended or now) - self.started, 3),
            **attendance_fields(self.attendance, self.patience, self.ended or now),
            "captions": self.captions.count,
            **self.counters.snapshot(),
        }
