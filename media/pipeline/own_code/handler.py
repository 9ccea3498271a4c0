"""Answers from a function of the user's: an async generator that yields text.

It runs on an event loop of its own, so it may block without holding sessions up.
"""

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from media.events.answers import Question
from media.pipeline.models.answerer import AnswerItem, PackagedAnswerer
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.evidence import EvidenceCollector, QuestionEvidence
from media.pipeline.outside.fallback import AnswerWithFallback
from media.pipeline.own_code.user_function import (
    ENDINGS,
    UserCodeError,
    UserFunction,
    run_user_code,
)

T = TypeVar("T")
CLOSE_TIMEOUT = 0.5  # seconds
END = object()  # after the last piece


@dataclass(frozen=True, slots=True)
class HandlerRequest:
    """What a handler is given: the question, with its conversation, and what was seen."""

    question: Question
    evidence: QuestionEvidence


class HandlerLoop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="handler", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Stop the loop; a function that blocks is left behind, as nothing can end it."""
        with suppress(TimeoutError):
            self.submit(_end_tasks()).result(CLOSE_TIMEOUT)
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_TIMEOUT)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self) -> None:
        """Run the loop; what ends it is a task of the user's, say by `sys.exit()`."""
        while not self._closing:
            with suppress(*ENDINGS):
                self._loop.run_forever()


class HandlerAnswerer:
    """The function `function`; each piece must come within `max_wait` seconds.

    An answer has at most `max_text` characters. With `fallback`, the packaged model answers if the
    function fails.
    """

    tools = False

    def __init__(
        self,
        function: UserFunction,
        collector: EvidenceCollector,
        loop: HandlerLoop,
        fallback: PackagedAnswerer | None = None,
        *,
        max_wait: float = 60.0,
        max_text: int = 20_000,
    ) -> None:
        self.function = function
        self.collector = collector
        self.loop = loop
        self.fallback = fallback
        self.max_wait = max_wait
        self.max_text = max_text
        self.outside: str | None = function.name
        self.about = f"answers come from {function.name}: a function of this service's owner"

    async def answer(self, question: Question, memory: AssistantHandle | None) -> "HandlerAnswer":
        """Return the answer; the function is called when its first piece is read.

        Raises:
            UnreadableMediaError: a picture of the question cannot be read.
        """
        evidence = await self.collector.collect(question, memory)
        return HandlerAnswer(self, HandlerRequest(question, evidence), memory)


class HandlerAnswer(AnswerWithFallback):
    """One answer of the function."""

    def __init__(
        self, answerer: HandlerAnswerer, request: HandlerRequest, memory: AssistantHandle | None
    ) -> None:
        evidence = request.evidence
        super().__init__(
            request.question,
            memory,
            evidence.stored,
            answerer.fallback,
            max_text=answerer.max_text,
            scope=evidence.scope,
        )
        self._answerer = answerer
        self._request = request

    async def _converse(self) -> AsyncGenerator[AnswerItem, None]:
        function = self._answerer.function
        pieces: list[AsyncGenerator[Any, None]] = []
        try:
            pieces.append(await self._run(self._begin()))
            while (piece := await self._run(_next(pieces[0]))) is not END:
                if not isinstance(piece, str):
                    raise UserCodeError(f"{function.name} must yield text, not {piece!r:.80}")
                yield piece.encode(errors="replace").decode()  # in whole characters
        except TimeoutError as error:
            seconds = f"{self._answerer.max_wait:.0f} s"
            raise UserCodeError(f"{function.name} yielded nothing for {seconds}") from error
        finally:
            for each in pieces:
                self._answerer.loop.submit(_end(each))

    async def _begin(self) -> AsyncGenerator[Any, None]:
        """Call the function, on its own loop."""
        function = self._answerer.function.load()
        made = function(self._request)
        if inspect.isasyncgen(made):
            return cast("AsyncGenerator[Any, None]", made)
        if inspect.iscoroutine(made):
            made.close()
        raise TypeError("expected an async generator: async def with yield")

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work` of the function.

        Raises:
            UserCodeError: it raised.
        """
        running = self._answerer.loop.submit(run_user_code(work, self._answerer.function))
        return await self.waits.wait(asyncio.wrap_future(running), self._answerer.max_wait)


async def _end_tasks() -> None:
    """Cancel what runs on this loop; what has not begun gets its first step."""
    await asyncio.sleep(0)
    if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _next(pieces: AsyncGenerator[Any, None]) -> Any:
    return await anext(pieces, END)


async def _end(pieces: AsyncGenerator[Any, None]) -> None:
    with suppress(Exception, *ENDINGS):  # the answer is over, and nobody waits for its end
        await pieces.aclose()
