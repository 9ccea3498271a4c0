"""The assistant that all sessions share: memories of frames, and answers from them.

Frames are analyzed in one queue; answers have another, so no frame is missed while an answer is
generated. Frames that wait at the same time are one batch if the model takes several, and so are
the next pieces of answers.
"""

import logging
from collections.abc import Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from media.images.picture_log import FOLDER, PictureLimits, PictureLog
from media.pipeline.interfaces import Pixels, VideoAssistant
from media.servers.backlog import Computation
from media.servers.device import JobQueue
from media.servers.urgency import Urgency
from media.worker import finish
from models.assistant.interface import (
    AssistantAnswer,
    Exchange,
    FrameAnalysis,
    Glances,
    ListensFor,
    LooksTogether,
    Moment,
    ReadsText,
    next_pieces,
)

logger = logging.getLogger(__name__)

STOP = object()  # after the last step


class AssistantServer:
    """Opens memories; `looks` is the queue of what changes them, `answers` of what reads them.

    With `pictures` a memory has pictures of what was seen, too.
    """

    def __init__(
        self,
        model: VideoAssistant,
        looks: JobQueue,
        answers: JobQueue,
        pictures: PictureLimits | None = None,
    ) -> None:
        self.model = model
        self._pictures = pictures
        self.looks = looks
        self.answers = answers
        self.frames: Computation[PendingLook, FrameAnalysis] = Computation(
            self._analyze, max_batch=getattr(model, "max_looks", 1)
        )
        self.pieces: Computation[AssistantAnswer, str | None] = Computation(
            partial(next_pieces, model), max_batch=getattr(model, "max_answers", 1)
        )

    async def open(self, folder: Path | None, *, durable: bool = False) -> "AssistantHandle":
        """Open the memory in `folder`. If the caller is cancelled, it is closed again.

        A `durable` memory survives the process, see `VideoAssistant`.

        Raises:
            StoreError: the memory cannot be opened, or is in use.
        """

        def make() -> AssistantHandle:
            pictures = self._pictures
            home = None if folder is None else folder / FOLDER
            log = None if pictures is None else PictureLog(home, pictures)
            return AssistantHandle(self, self.model.init_state(folder, durable=durable), log)

        opening = self.looks.run(make, Urgency.ANSWER)
        return await finish(opening, AssistantHandle.close)

    def _analyze(self, looks: Sequence["PendingLook"]) -> list[FrameAnalysis]:
        if len(looks) == 1:
            (handle, pixels, time), model = looks[0], self.model
            made: Sequence[tuple[Any, FrameAnalysis]] = [
                model.analyze_frame(handle.state, pixels, time)
            ]
        else:
            made = cast("LooksTogether", self.model).analyze_frames(
                [handle.state for handle, _, _ in looks],
                [(pixels, time) for _, pixels, time in looks],
            )
        for (handle, pixels, time), (state, analysis) in zip(looks, made, strict=True):
            handle.state = state
            if handle.pictures is not None:
                _keep_pictures(handle.pictures, pixels, time, analysis)
        return [analysis for _, analysis in made]

    def ready_answer(
        self, text: str, moments: tuple[Moment, ...] = (), language: str = "en"
    ) -> "AnswerHandle":
        """Return an answer that is known already."""
        return AnswerHandle(self, AssistantAnswer(iter([text]), moments, language=language))


class AssistantHandle:
    """One memory. One task changes it; another may read answers at the same time.

    `state` is the model's, and only the server uses it. `pictures` are of what was seen, if they
    are kept.
    """

    def __init__(
        self, server: AssistantServer, state: Any, pictures: PictureLog | None = None
    ) -> None:
        self._server = server
        self.state = state
        self.pictures = pictures

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
        return await self._server.looks.submit(
            self._server.frames, (self, pixels, time), urgency, max_wait=max_wait
        )

    async def glance(self, pixels: Pixels, time: float) -> None:
        """Look at bodies alone: after an analysis which says that it would tell more."""
        model = cast("Glances", self._server.model)
        await self._server.looks.run(partial(model.glance, self.state, pixels, time), Urgency.LOOK)

    async def note_request(self, text: str, time: float) -> "AnswerHandle | None":
        """Note the standing request in a question; return the answer if that is all it asks."""

        def note() -> AssistantAnswer | None:
            self.state, answer = self._server.model.note_request(self.state, text, time)
            return answer

        answer = await self._server.looks.run(note, Urgency.ANSWER)
        return None if answer is None else AnswerHandle(self._server, answer)

    async def read_text(
        self, question: str, time: float, urgency: Urgency = Urgency.ANSWER
    ) -> FrameAnalysis | None:
        """Read what `question` asks about, or standing requests if it is empty.

        Return what came of it; None if nothing was to be read. Others run between its steps.
        """
        model, looks = self._server.model, self._server.looks
        if not hasattr(model, "read_text"):
            return None
        steps = cast("ReadsText", model).read_text(self.state, question, time)
        while True:
            found = await looks.run(partial(next, steps, STOP), urgency)
            if found is not None:
                return None if found is STOP else cast("FrameAnalysis", found)

    async def expects_answer(self, text: str, conversation: Sequence[Exchange]) -> bool:
        """Return whether `text`, which was overheard, is for the assistant; by default all is."""
        model = self._server.model
        if not hasattr(model, "expects_answer"):
            return True
        expects = partial(cast("ListensFor", model).expects_answer, text, conversation)
        return await self._server.looks.run(expects, Urgency.ANSWER)

    def standing_requests(self) -> tuple[str, ...]:
        return self._server.model.standing_requests(self.state)

    def seen_until(self) -> float:
        """Return the time of the last remembered moment; less than 0 if there is none."""
        return self._server.model.seen_until(self.state)

    def snapshot(self) -> "AssistantHandle":
        """Return a handle that asks about the memory as it is now."""
        return AssistantHandle(self._server, self.state, self.pictures)

    async def recall(
        self, text: str, until: float, *, since: float = 0.0, count: int
    ) -> tuple[Moment, ...]:
        """Return at most `count` moments that `text` is about, see `VideoAssistant.recall`."""
        call = partial(self._server.model.recall, self.state, text, until, since=since, count=count)
        return await self._server.answers.run(call, Urgency.ANSWER)

    async def answer(
        self, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> "AnswerHandle":
        """Answer from what was seen up to `time`; the pieces are generated when they are read.

        `conversation` is what was said before, oldest first.
        """
        call = partial(self._server.model.answer, self.state, text, time, conversation)
        return AnswerHandle(self._server, await self._server.answers.run(call, Urgency.ANSWER))

    async def close(self) -> None:
        """Close the memory. A cancelled caller still waits until it is closed.

        Raises:
            StoreError: blocks in RAM could not be written.
        """
        closing = partial(self._server.model.close, self.state)
        await finish(self._server.looks.run(closing, Urgency.ANSWER))


def _keep_pictures(log: PictureLog, pixels: Pixels, time: float, analysis: FrameAnalysis) -> None:
    """Keep the pictures of what `analysis` remembered, of which the look at `time` may be one."""
    log.add_look(pixels, time)
    try:
        for moment in analysis.remembered:
            log.keep(moment.time)
    except OSError as error:
        logger.warning("a picture of a moment was not written: %s", error)


PendingLook = tuple[AssistantHandle, Pixels, float]  # at a time in seconds


class AnswerHandle:
    """One answer: iteration yields its pieces as they are generated.

    A piece may be empty, after a part of a long prompt was read.
    """

    def __init__(self, server: AssistantServer, answer: AssistantAnswer) -> None:
        self._server = server
        self._answer = answer
        self.moments = answer.moments
        self.prompt_tokens = answer.prompt_tokens
        self.scope: str = answer.scope
        self.language: str = answer.language

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        piece = await self._server.answers.submit(self._server.pieces, self._answer, Urgency.ANSWER)
        if piece is None:
            raise StopAsyncIteration
        return piece

    def stop(self) -> None:
        """Do nothing: the next piece is never far."""

    async def aclose(self) -> None:
        """Do nothing: an answer holds nothing."""

    def confidence(self) -> float | None:
        """Return how sure the model is of the pieces that were read, in [0, 1], if it says so."""
        return self._answer.confidence()

    async def locate(self) -> NDArray[np.float32] | None:
        """Return where in the newest frame the subject of the answer is, as a relevance map."""
        return await self._server.answers.run(self._answer.locate, Urgency.ANSWER)
