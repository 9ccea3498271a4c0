"""Frames to memory, questions to answers: the stage that sees and remembers."""

from typing import Any

from media.channel import Channel
from media.events import Answer, AnswerStatus, Question
from media.frames import VideoFrame
from media.pipeline.shared import Shared


class Sight:
    """The stage: one memory of frames, and the answers drawn from it, one after the other."""

    def __init__(self, shared: Shared, voice: Channel[Answer]) -> None:
        self._shared = shared
        self._voice = voice

    async def run(self, sight: Channel[VideoFrame | Question]) -> None:
        """Remember and answer until `sight` ends, then close the voice's channel."""
        watcher, eyes = self._shared.services.watcher, self._shared.services.eyes
        memory = watcher.init_state()
        async for item in sight:
            if isinstance(item, VideoFrame):
                memory = await eyes.run(watcher.see, memory, item)
            else:
                await self._answer(memory, item)
        await self._voice.close()

    async def _answer(self, memory: Any, question: Question) -> None:
        """Send the pieces of the answer as they come, until the last or a cancellation."""
        watcher, eyes = self._shared.services.watcher, self._shared.services.eyes
        status: AnswerStatus = "completed"
        pieces = await eyes.run(watcher.answer, memory, question)
        while (piece := await eyes.run(next, pieces, None)) is not None:
            if self._shared.questions.cancelled(question.id):
                status = "cancelled"
                break
            await self._say(question, piece, "streaming")
        await self._say(question, "", status)
        if not question.spoken:
            self._shared.questions.close(question.id)

    async def _say(self, question: Question, text: str, status: AnswerStatus) -> None:
        stand_in = self._shared.services.watcher.stand_in
        answer = Answer(question.id, text, question.time, status, stand_in)
        await self._shared.send(answer)
        if question.spoken:
            await self._voice.send(answer)
