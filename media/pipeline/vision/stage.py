"""Frames to memory, questions to answers: the stage that sees and remembers.

Seeing and answering are two tasks on two workers, so that nothing is missed while an answer is
being thought. A question is asked of what was seen up to its time, so it does not matter that
the memory grows meanwhile.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

from media.channel import Channel
from media.errors import UnreadableMediaError
from media.events import (
    Announce,
    Answer,
    AnswerStatus,
    Degraded,
    Evidence,
    Output,
    Question,
    Relevance,
    Remembered,
    RequestMet,
    StandingRequests,
    TurnEnded,
    TurnStarted,
)
from media.frames import VideoFrame
from media.images import encode_thumbnail
from media.pipeline.context import SessionContext
from media.pipeline.vision.image_question import answer_about_images
from media.pipeline.vision.sampling import AnalyzedFrame, due
from models.assistant.interface import AssistantAnswer, FrameAnalysis
from models.errors import StoreError

logger = logging.getLogger(__name__)

Item = VideoFrame | Question | Announce
BETWEEN_WORDS = re.compile(r"(?<=\S)(?=\s)")
WRITING = 0.03  # seconds a word: about as quick as a small model writes
KEPT = 16  # pictures of the last looks: a moment may be remembered some looks later


@dataclass(frozen=True, slots=True, eq=False)
class PendingQuestion:
    """A question to be answered, of `memory`; `said` is its answer where that is known already."""

    question: Question | Announce
    memory: Any
    said: AssistantAnswer | None = None


class VisionStage:
    """The stage: one memory of frames, and the answers drawn from it, one after the other."""

    def __init__(self, shared: SessionContext, voice: Channel[Answer]) -> None:
        self._shared = shared
        self._voice = voice
        self._asked: Channel[PendingQuestion] = Channel(shared.limits.answers)
        self._speaking = False
        self._memory: Any = None
        self._looked: AnalyzedFrame | None = None
        self._newest: VideoFrame | None = None  # not looked at
        self._pictures: dict[float, bytes] = {}
        self._standing: tuple[str, ...] = ()
        self._full = False

    def note_speech(self, output: Output) -> None:
        """Look more often while somebody speaks."""
        if isinstance(output, TurnStarted | TurnEnded):
            self._speaking = isinstance(output, TurnStarted)

    async def run(self, sight: Channel[Item]) -> None:
        """Remember and answer until `sight` ends, then close the voice's channel."""
        self._memory = await self._shared.services.open_memory(self._shared.memory)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(sight), name="watch")
                tasks.create_task(self._think(), name="think")
        finally:
            await self._close()
        await self._voice.close()

    async def _watch(self, sight: Channel[Item]) -> None:
        async for item in sight:
            if isinstance(item, VideoFrame):
                await self._sample(item)
            else:
                await self._ask(item)
        await self._asked.close()

    async def _think(self) -> None:
        async for asked in self._asked:
            await self._answer(asked)

    async def _sample(self, frame: VideoFrame) -> None:
        """Look at `frame`, if a look is due."""
        limits = self._shared.limits
        asked = self._speaking or self._shared.questions.any
        attentive = bool(self._standing) or (asked and not limits.repeatable)
        looked = due(self._looked, frame, limits.sampling, attentive=attentive)
        if looked is None:
            self._newest = frame
            return
        await self._analyze(frame, looked)

    async def _analyze(self, frame: VideoFrame, looked: AnalyzedFrame) -> None:
        watcher, eyes = self._shared.services.assistant, self._shared.services.vision_worker
        self._looked, self._newest = looked, None
        self._shared.counters.looks += 1
        self._pictures[frame.time] = await eyes.run(encode_thumbnail, frame.pixels)
        while len(self._pictures) > KEPT:
            del self._pictures[min(self._pictures)]
        try:
            self._memory, seen = await eyes.run(
                watcher.analyze_frame, self._memory, frame.pixels, frame.time
            )
        except StoreError as error:
            await self._is_full(error)
            return
        self._full = False
        await self._tell(seen, frame.time)

    async def _tell(self, seen: FrameAnalysis, time: float) -> None:
        send = self._shared.send
        for moment in seen.remembered:
            self._shared.counters.remembered += 1
            await send(Remembered(moment, self._pictures.get(moment.time)))
        if seen.relevance is not None:
            await send(Relevance(time, seen.relevance, seen.about))
        for notice in seen.noticed:
            await send(RequestMet(notice.request, notice.text, notice.moment))
        await self._tell_standing()

    async def _tell_standing(self) -> None:
        standing = self._shared.services.assistant.standing_requests(self._memory)
        if standing != self._standing:
            self._standing = standing
            await self._shared.send(StandingRequests(standing))

    async def _is_full(self, error: StoreError) -> None:
        """Say once that nothing more is remembered; what is, can be asked about."""
        if not self._full:
            self._full = True
            logger.warning("a session remembers nothing more: %s", error)
            told = "what is shown now is not remembered; what was seen before still is"
            await self._shared.send(Degraded(f"{told}: {error}"))

    async def _ask(self, question: Question | Announce) -> None:
        """Hand `question` on to be answered, with all that it may know about in memory."""
        watcher, eyes = self._shared.services.assistant, self._shared.services.vision_worker
        said = None
        if isinstance(question, Question) and not question.pictures:
            newest, repeatable = self._newest, self._shared.limits.repeatable
            if newest is not None and newest.time <= question.time and not repeatable:
                await self._analyze(newest, AnalyzedFrame.at(newest))
            self._memory, said = await eyes.run(
                watcher.note_request, self._memory, question.text, question.time
            )
            await self._tell_standing()
        asked = PendingQuestion(question, self._memory, said)
        if self._shared.limits.repeatable:
            await self._answer(asked)
        else:
            await self._asked.send(asked)

    async def _answer(self, asked: PendingQuestion) -> None:
        """Send the pieces of the answer as they come, until the last or a cancellation."""
        question, mind = asked.question, self._shared.services.answer_worker
        status: AnswerStatus = "completed"
        said = await self._said(asked)
        moments = said.moments
        if isinstance(question, Announce):
            moments = question.moments
        await self._shared.send(Evidence(question.id, moments, said.read))
        while status != "cancelled":
            if self._shared.questions.cancelled(question.id):  # perhaps before its first piece
                status = "cancelled"
            elif (piece := await mind.run(next, said.pieces, None)) is not None:
                await self._write(question, piece)
            else:
                break
        await self._say(question, "", status)
        if not question.spoken:
            self._shared.questions.close(question.id)

    async def _said(self, asked: PendingQuestion) -> AssistantAnswer:
        """Return the beginning of an answer."""
        question, services = asked.question, self._shared.services
        if isinstance(question, Announce):
            return AssistantAnswer(iter([question.text]))
        if asked.said is not None:
            return asked.said
        if not question.pictures:
            ask = services.assistant.answer
            return await services.answer_worker.run(ask, asked.memory, question.text, question.time)
        try:
            return await answer_about_images(services, question.pictures, question.text)
        except UnreadableMediaError as error:
            return AssistantAnswer(iter([f"I cannot look at that: {error}"]))

    async def _write(self, question: Question | Announce, piece: str) -> None:
        """Say `piece`; a sentence that nobody had to think comes word by word where it is read.

        So it can be cancelled like any other answer.
        """
        clock = self._shared.clock
        whole = question.spoken or self._shared.limits.repeatable
        first, *rest = [piece] if whole else BETWEEN_WORDS.split(piece)
        await self._say(question, first, "streaming")
        for word in rest:
            await clock.sleep_until(clock.now() + WRITING)
            if self._shared.questions.cancelled(question.id):
                return
            await self._say(question, word, "streaming")

    async def _say(self, question: Question | Announce, text: str, status: AnswerStatus) -> None:
        stand_in = self._shared.services.assistant.stand_in
        answer = Answer(question.id, text, question.time, status, stand_in)
        await self._shared.send(answer)
        if question.spoken:
            await self._voice.send(answer)

    async def _close(self) -> None:
        try:
            await self._shared.services.close_memory(self._memory)
        except StoreError as error:
            logger.warning("what a session saw last is not kept: %s", error)
