"""The assistant that all sessions share: memories of frames, and answers from them.

Frames are analyzed one after another, in one queue; answers have another, so no frame is missed
while an answer is generated. Pieces of answers that are generated at the same time are one batch,
if the model takes several.
"""

from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from media.pipeline.interfaces import Pixels, VideoAssistant
from media.servers.backlog import Computation
from media.servers.device import JobQueue
from media.servers.urgency import Urgency
from media.worker import finish
from models.assistant.interface import AssistantAnswer, FrameAnalysis, Moment, next_pieces


class AssistantServer:
    """Opens memories; `looks` is the queue of what changes them, `answers` of what reads them."""

    def __init__(self, model: VideoAssistant, looks: JobQueue, answers: JobQueue) -> None:
        self.model = model
        self.looks = looks
        self.answers = answers
        self.pieces: Computation[AssistantAnswer, str | None] = Computation(
            partial(next_pieces, model), max_batch=getattr(model, "max_answers", 1)
        )

    async def open(self, folder: Path | None, *, durable: bool = False) -> "AssistantHandle":
        """Open the memory in `folder`. If the caller is cancelled, it is closed again.

        A `durable` memory survives the process, see `VideoAssistant`.

        Raises:
            StoreError: the memory cannot be opened, or is in use.
        """
        opening = self.looks.run(
            lambda: AssistantHandle(self, self.model.init_state(folder, durable=durable)),
            Urgency.ANSWER,
        )
        return await finish(opening, AssistantHandle.close)

    def ready_answer(self, text: str, moments: tuple[Moment, ...] = ()) -> "AnswerHandle":
        """Return an answer that is known already."""
        return AnswerHandle(self, AssistantAnswer(iter([text]), moments))


class AssistantHandle:
    """One memory. One task changes it; another may read answers at the same time."""

    def __init__(self, server: AssistantServer, state: Any) -> None:
        self._server = server
        self._state = state  # of the model

    async def analyze_frame(
        self,
        pixels: Pixels,
        time: float,
        urgency: Urgency = Urgency.LOOK,
        *,
        max_wait: float = inf,
    ) -> FrameAnalysis:
        """Analyze a frame, and remember what is new.

        Raises:
            ShedError: it was not started within `max_wait` seconds.
        """

        def analyze() -> FrameAnalysis:
            self._state, analysis = self._server.model.analyze_frame(self._state, pixels, time)
            return analysis

        return await self._server.looks.run(analyze, urgency, max_wait=max_wait)

    async def note_request(self, text: str, time: float) -> "AnswerHandle | None":
        """Note the standing request in a question; return the answer if that is all it asks."""

        def note() -> AssistantAnswer | None:
            self._state, answer = self._server.model.note_request(self._state, text, time)
            return answer

        answer = await self._server.looks.run(note, Urgency.ANSWER)
        return None if answer is None else AnswerHandle(self._server, answer)

    def standing_requests(self) -> tuple[str, ...]:
        return self._server.model.standing_requests(self._state)

    def seen_until(self) -> float:
        """Return the time of the last remembered moment; less than 0 if there is none."""
        return self._server.model.seen_until(self._state)

    def snapshot(self) -> "AssistantHandle":
        """Return a handle that asks about the memory as it is now."""
        return AssistantHandle(self._server, self._state)

    async def answer(self, text: str, time: float) -> "AnswerHandle":
        """Answer from what was seen up to `time`; the pieces are generated when they are read."""
        call = partial(self._server.model.answer, self._state, text, time)
        return AnswerHandle(self._server, await self._server.answers.run(call, Urgency.ANSWER))

    async def close(self) -> None:
        """Close the memory. A cancelled caller still waits until it is closed.

        Raises:
            StoreError: blocks in RAM could not be written.
        """
        closing = partial(self._server.model.close, self._state)
        await finish(self._server.looks.run(closing, Urgency.ANSWER))


class AnswerHandle:
    """One answer: iteration yields its pieces as they are generated.

    A piece may be empty, after a part of a long prompt was read.
    """

    def __init__(self, server: AssistantServer, answer: AssistantAnswer) -> None:
        self._server = server
        self._answer = answer
        self.moments = answer.moments
        self.prompt_tokens = answer.prompt_tokens

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        piece = await self._server.answers.submit(self._server.pieces, self._answer, Urgency.ANSWER)
        if piece is None:
            raise StopAsyncIteration
        return piece

    def confidence(self) -> float | None:
        """Return how sure the model is of the pieces that were read, in [0, 1], if it says so."""
        return self._answer.confidence()

    async def locate(self) -> NDArray[np.float32] | None:
        """Return where in the newest frame the subject of the answer is, as a relevance map."""
        return await self._server.answers.run(self._answer.locate, Urgency.ANSWER)
