"""Frames to memory, questions to answers: the vision stage.

Analyzing frames and answering are two tasks in two queues, so no frame is missed while an answer
is generated. A question is about what was seen up to its time, so the memory may grow meanwhile.
"""

import asyncio
import logging
from math import inf

from media.channel import Channel
from media.events.answers import Announce, Answer, Question
from media.events.hearing import TurnEnded, TurnStarted
from media.events.session import Output
from media.events.vision import Degraded, Relevance, Remembered, RequestMet, StandingRequests
from media.frames import VideoFrame
from media.images.encoding import encode_thumbnail
from media.pipeline.context import SessionContext
from media.pipeline.models.answerer import exchanges
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.tasks import start_task
from media.pipeline.vision.answer_stage import AnswerStage, PendingQuestion
from media.pipeline.vision.sampling import AnalyzedFrame, due
from media.servers.backlog import ShedError
from media.servers.urgency import Urgency
from models.assistant.interface import FrameAnalysis, StorageProblem
from models.errors import StoreError

logger = logging.getLogger(__name__)

VisionItem = VideoFrame | Question | Announce
FORGOTTEN = "what is shown now is not remembered; what was seen before still is"
NOT_KEPT = "what is seen from now on is remembered in RAM only, and would be lost with the service"
MAX_THUMBNAILS = 16  # of the last analyzed frames: one may be remembered some frames later


class VisionStage:
    """The vision stage: one memory of frames, and answers from it, one after another."""

    def __init__(self, context: SessionContext, answers: Channel[Answer]) -> None:
        self._context = context
        self._answers = answers
        self._answering = AnswerStage(context, answers)
        self._pending: Channel[PendingQuestion] = Channel(context.limits.answers)
        self._speaking = False
        self._last: AnalyzedFrame | None = None
        self._skipped: VideoFrame | None = None  # the newest frame, if it was not analyzed
        self._glance_at: float | None = None  # when bodies are looked at again
        self._late_since: float | None = None  # when frames that were due began to be skipped
        self._thumbnails: dict[float, bytes] = {}
        self._requests: tuple[str, ...] = ()
        self._problem: StorageProblem | None = None  # the last one that was sent
        self._degraded: set[str] = set()  # what could not be done at all, as it was sent

    def delay(self) -> float:
        """Return for how many seconds frames that were due have been skipped."""
        return 0.0 if self._late_since is None else self._context.clock.now() - self._late_since

    def note_speech(self, output: Output) -> None:
        """Sample frames with attention during a turn."""
        if isinstance(output, TurnStarted | TurnEnded):
            self._speaking = isinstance(output, TurnStarted)

    async def run(self, channel: Channel[VisionItem]) -> None:
        """Remember and answer until `channel` ends, then close the channel of answers."""
        memory = await self._open_memory()
        for text in self._context.carried.requests:
            await memory.note_request(text, self._context.clock.now())
        self._requests = memory.standing_requests()
        try:
            async with asyncio.TaskGroup() as tasks:
                start_task(tasks, self._receive(channel, memory), name="frames")
                start_task(tasks, self._answering.run(self._pending), name="answers")
        finally:
            await self._close(memory)
        await self._answers.close()

    async def _open_memory(self) -> AssistantHandle:
        """Open the memory in its folder, or, if that cannot be used, in RAM."""
        context, assistant = self._context, self._context.services.assistant
        try:
            return await assistant.open(context.memory, durable=context.durable_memory)
        except StoreError as error:
            logger.warning("the memory of a session is in RAM only: %s", error)
            await context.send(Degraded(f"the memory of this session is not kept: {error}"))
            return await assistant.open(None)

    async def _receive(self, channel: Channel[VisionItem], memory: AssistantHandle) -> None:
        async for item in channel:
            if isinstance(item, VideoFrame):
                await self._sample(item, memory)
            else:
                await self._ask(item, memory)
        await self._pending.close()

    async def _sample(self, frame: VideoFrame, memory: AssistantHandle) -> None:
        """Analyze `frame` if it is due; a substitute only if what it shows was not analyzed."""
        if self._last is not None and frame.time <= self._last.captured:
            return
        limits, questions = self._context.limits, self._context.questions
        if self._late_since is not None and questions.unread:
            self._skipped = frame  # the question behind it does not wait for older frames
            return
        waiting = self._speaking or questions.any
        attentive = bool(self._requests) or (waiting and not limits.repeatable)
        analyzed = due(self._last, frame, limits.sampling, attentive=attentive)
        if analyzed is None:
            self._skipped = frame
            await self._glance(frame, memory)
        else:
            overdue = frame.moment - (self._last or analyzed).time > limits.sampling.still_interval
            urgency = Urgency.GENERATION if overdue else Urgency.LOOK
            max_wait = inf if limits.max_look_wait is None else limits.max_look_wait
            try:
                await self._analyze(frame, analyzed, memory, urgency, max_wait=max_wait)
            except ShedError:
                self._skipped = frame
                self._late_since = self._late_since or self._context.clock.now()
                self._context.counters.skipped_looks += 1

    async def _glance(self, frame: VideoFrame, memory: AssistantHandle) -> None:
        """Look at bodies again, if it is time; not while frames that are due are skipped."""
        if self._glance_at is None or frame.time < self._glance_at or self._late_since is not None:
            return
        self._glance_at = None
        await memory.glance(frame.pixels, frame.time)

    async def _analyze(
        self,
        frame: VideoFrame,
        analyzed: AnalyzedFrame,
        memory: AssistantHandle,
        urgency: Urgency,
        *,
        max_wait: float = inf,
    ) -> None:
        """Analyze `frame`.

        Raises:
            ShedError: it was not started within `max_wait` seconds.
        """
        worker = self._context.services.media_worker
        analysis = await memory.analyze_frame(frame.pixels, frame.time, urgency, max_wait=max_wait)
        self._last, self._skipped, self._late_since = analyzed, None, None
        delay = self._context.limits.sampling.glance_delay
        self._glance_at = frame.time + delay if analysis.bodies and delay else None
        self._context.counters.looks += 1
        self._thumbnails[frame.time] = await worker.run(encode_thumbnail, frame.pixels)
        while len(self._thumbnails) > MAX_THUMBNAILS:
            del self._thumbnails[min(self._thumbnails)]
        await self._send_analysis(analysis, frame.time)
        if memory.standing_requests():
            await self._read(memory, "", frame.time, urgency)
        await self._send_requests(memory)
        await self._report(analysis.problem)

    async def _read(
        self, memory: AssistantHandle, question: str, time: float, urgency: Urgency
    ) -> None:
        """Read text in the last frames if `question`, or a standing request, is about text."""
        read = await memory.read_text(question, time, urgency)
        if read is not None:
            await self._send_analysis(read, time)
            await self._report(read.problem)

    async def _send_analysis(self, analysis: FrameAnalysis, time: float) -> None:
        send = self._context.send
        if analysis.degraded and analysis.degraded not in self._degraded:
            self._degraded.add(analysis.degraded)
            await send(Degraded(analysis.degraded))
        for moment in analysis.remembered:
            self._context.counters.remembered += 1
            await send(Remembered(moment, self._thumbnails.get(moment.time)))
        if analysis.relevance is not None:
            topic, confidence = analysis.relevance_topic, analysis.confidence
            await send(Relevance(time, analysis.relevance, topic, confidence))
        for met in analysis.met_requests:
            await send(RequestMet(met.request, met.text, met.moment, met.language))

    async def _send_requests(self, memory: AssistantHandle) -> None:
        """Send the standing requests if they changed."""
        requests = memory.standing_requests()
        if requests != self._requests:
            self._requests = self._context.carried.requests = requests
            await self._context.send(StandingRequests(requests))

    async def _report(self, problem: StorageProblem | None) -> None:
        """Report a new problem once; questions about the memory are still answered."""
        last, self._problem = self._problem, problem
        if problem is None or (last is not None and last.forgotten == problem.forgotten):
            return
        logger.warning("the memory of a session cannot be stored: %s", problem.reason)
        message = FORGOTTEN if problem.forgotten else NOT_KEPT
        await self._context.send(Degraded(f"{message}: {problem.reason}"))

    async def _ask(self, question: Question | Announce, memory: AssistantHandle) -> None:
        """Queue `question`, once its memory holds all frames up to it."""
        repeatable = self._context.limits.repeatable
        self._context.questions.read(question.id)
        answer = None
        if isinstance(question, Question) and not question.pictures:
            newest = self._skipped
            if newest is not None and newest.time <= question.time and not repeatable:
                await self._analyze(newest, AnalyzedFrame.at(newest), memory, Urgency.ANSWER)
            answer = await memory.note_request(question.text, question.time)
            await self._send_requests(memory)
            if answer is None and await self._is_remark(question, memory):
                answer = self._context.services.assistant.ready_answer("")
            elif answer is None:
                await self._read(memory, question.text, question.time, Urgency.ANSWER)
        pending = PendingQuestion(question, memory.snapshot(), answer)
        if repeatable:
            await self._answering.answer(pending)
        else:
            await self._pending.send(pending)

    async def _is_remark(self, question: Question, memory: AssistantHandle) -> bool:
        """Return whether nobody expects an answer; another model finds that out for itself."""
        if not question.overheard or self._context.services.answerer.outside is not None:
            return False
        return not await memory.expects_answer(question.text, exchanges(question.dialogue.before))

    async def _close(self, memory: AssistantHandle) -> None:
        try:
            await memory.close()
        except StoreError as error:
            logger.warning("the last moments of a session were not written: %s", error)
