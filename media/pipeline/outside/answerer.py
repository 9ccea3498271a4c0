"""Answers from an outside model, and from the packaged one if that fails."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Self

import httpx

from media.dialogue import AnswerNotice, CalledFunction, DialogueTurn, FunctionCall, FunctionTool
from media.events import Evidence, Question
from media.pipeline.models.answerer import (
    AnswerFailedError,
    AnswerItem,
    AnswerStream,
    PackagedAnswerer,
)
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.abilities import Abilities
from media.pipeline.outside.completion import CallDelta, stream_completion
from media.pipeline.outside.endpoint import Endpoint
from media.pipeline.outside.errors import (
    AnswerStoppedError,
    BusyError,
    OutsideError,
    RefusedError,
)
from media.pipeline.outside.evidence import EvidenceCollector, QuestionEvidence
from media.pipeline.outside.memory_tools import MemoryTools, ToolRound
from media.pipeline.outside.patience import StoppableWait
from media.pipeline.outside.prompt import request_body
from media.worker import Worker
from models.assistant.interface import Moment

logger = logging.getLogger(__name__)

MAX_ROUNDS = 4  # of calls that the model makes itself for one answer
BROKEN_OFF = "... "  # between the beginning of an answer and that of another model


class OutsideAnswerer:
    """The model at `endpoint`; with `fallback`, the packaged one answers if it fails.

    `tools` are names of functions that it may call itself, see `memory_tools`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        collector: EvidenceCollector,
        worker: Worker,
        fallback: PackagedAnswerer | None = None,
        tools: Iterable[str] = (),
    ) -> None:
        self.endpoint = endpoint
        self.abilities = Abilities(collector.config.takes_pictures)
        self.collector = collector
        self.worker = worker
        self.fallback = fallback
        self.tools = MemoryTools(tools, collector)
        self.outside: str | None = endpoint.name
        self.about = (
            f"answers come from {endpoint.name}: a model outside this service, which gets the "
            "conversation, and notes and pictures of what is seen"
        )

    async def answer(self, question: Question, memory: AssistantHandle | None) -> "OutsideAnswer":
        """Return the answer; the model is asked when its first piece is read.

        Raises:
            UnreadableMediaError: a picture of the question cannot be read.
        """
        evidence = await self.collector.collect(question, memory)
        return OutsideAnswer(self, question, evidence, memory)


class OutsideAnswer:
    """One answer; its connection is closed when it ends or is stopped."""

    def __init__(
        self,
        answerer: OutsideAnswerer,
        question: Question,
        evidence: QuestionEvidence,
        memory: AssistantHandle | None,
    ) -> None:
        self.moments: tuple[Moment, ...] = evidence.stored
        self.prompt_tokens = 0
        self._answerer = answerer
        self._question = question
        self._evidence = evidence
        self._memory = memory
        self._waits = StoppableWait()
        self._packaged: AnswerStream | None = None
        self._wrote = False
        self._rounds: list[ToolRound] = []
        self._items = self._make()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnswerItem:
        return await anext(self._items)

    def stop(self) -> None:
        self._waits.stop()

    async def aclose(self) -> None:
        await self._items.aclose()

    def confidence(self) -> float | None:
        """Return the packaged model's confidence, if that answers: chat completions have none."""
        return None if self._packaged is None else self._packaged.confidence()

    async def locate(self) -> None:
        """Return None: chat completions say nothing about places in the picture."""

    async def _make(self) -> AsyncGenerator[AnswerItem, None]:
        try:
            async with aclosing(self._converse()) as items:
                async for item in items:
                    self._wrote = self._wrote or isinstance(item, str)
                    yield item
        except AnswerStoppedError:
            return
        except OutsideError as error:
            logger.warning("an outside model did not answer: %s", error)
            if self._answerer.fallback is None:
                raise AnswerFailedError(str(error)) from error
            message = f"{error}; the packaged model answers instead"
            yield AnswerNotice(self._question.id, message)
            async with aclosing(self._answer_here(self._answerer.fallback)) as items:
                async for item in items:
                    yield item

    async def _answer_here(self, fallback: PackagedAnswerer) -> AsyncGenerator[AnswerItem, None]:
        """Yield the packaged model's answer, after what there is of the other."""
        answer = await fallback.answer(self._question, self._memory)
        self._packaged = answer
        yield Evidence(self._question.id, answer.moments, answer.prompt_tokens)
        if self._wrote:
            yield BROKEN_OFF
        async for piece in answer:
            yield piece

    async def _converse(self) -> AsyncGenerator[AnswerItem, None]:
        """Yield the outside model's answer; in between, run the calls that it makes itself.

        Those are left out if it calls functions of the client, too: it may repeat them after these.
        """
        offered = self._answerer.tools.offered(self._question, self._memory)
        more = True
        while more:
            own, text, theirs = list[FunctionCall](), "", False
            tools = tuple(offered.values()) if len(self._rounds) < MAX_ROUNDS else ()
            async with aclosing(self._ask(tools)) as items:
                async for item in items:
                    if isinstance(item, CalledFunction) and item.call.name in offered:
                        own.append(item.call)
                        continue
                    theirs = theirs or isinstance(item, CalledFunction)
                    text += item if isinstance(item, str) else ""
                    yield item
            more = bool(own and tools) and not theirs
            if more:
                for result in await self._run(DialogueTurn("assistant", text, tuple(own))):
                    yield result
                if text and not text[-1].isspace():
                    yield " "

    async def _run(self, turn: DialogueTurn) -> list[AnswerItem]:
        """Run the calls of a turn; return what comes of them besides their results."""
        assert self._memory is not None, "calls are offered for memories only"
        tools, items = self._answerer.tools, list[AnswerItem]()
        results = [await tools.run(call, self._question, self._memory) for call in turn.calls]
        self._rounds.append(ToolRound(turn, tuple(results)))
        found = {moment.number: moment for moment in self.moments}
        for result in results:
            found |= {moment.number: moment for moment in result.evidence.stored}
            items += [] if result.draw is None else [result.draw]
        if len(found) > len(self.moments):
            self.moments = tuple(sorted(found.values(), key=lambda moment: moment.time))
            items.append(Evidence(self._question.id, self.moments, self.prompt_tokens))
        return items

    async def _ask(self, tools: tuple[FunctionTool, ...]) -> AsyncGenerator[AnswerItem, None]:
        """Yield the outside model's answer; it may call `tools` and those of the client.

        It is asked once more without pictures if it refuses them, and if it is busy.
        """
        answerer, id = self._answerer, self._question.id
        attempt = Attempt(self._has_pictures() and answerer.abilities.pictures)
        while True:
            body = await self._body(tools, with_pictures=attempt.with_pictures)
            try:
                async with aclosing(self._read(body)) as items:
                    async for item in items:
                        if attempt.refused is not None and answerer.abilities.on_trial:
                            message = answerer.abilities.lose_pictures(
                                answerer.endpoint.name, attempt.refused
                            )
                            yield AnswerNotice(id, message)
                        yield item
            except BusyError as error:
                self._wait_after(attempt, error)
                yield AnswerNotice(id, f"{error}; it is asked again in {error.seconds:g} s")
                await self._waits.wait(asyncio.sleep(error.seconds), None)
            except RefusedError as error:
                self._leave_pictures_after(attempt, error)
            else:
                return

    def _has_pictures(self) -> bool:
        seen = [result.evidence for made in self._rounds for result in made.results]
        return any(each.pictures for each in (self._evidence, *seen))

    def _wait_after(self, attempt: "Attempt", error: BusyError) -> None:
        """Note that the server is asked again later.

        Raises:
            BusyError: it is not.
        """
        if attempt.waited or self._wrote or error.seconds > self._answerer.endpoint.retry_wait:
            raise error
        attempt.waited = True

    def _leave_pictures_after(self, attempt: "Attempt", error: RefusedError) -> None:
        """Note that the server is asked again without pictures.

        Raises:
            RefusedError: it is not.
        """
        if not attempt.with_pictures or self._wrote or not self._answerer.abilities.on_trial:
            raise error
        attempt.refused, attempt.with_pictures = error, False

    async def _body(self, tools: tuple[FunctionTool, ...], *, with_pictures: bool) -> bytes:
        answerer, question = self._answerer, self._question
        return await answerer.worker.run(
            request_body,
            answerer.endpoint,
            question,
            self._evidence,
            with_pictures=with_pictures,
            tools=(*question.dialogue.tools, *tools),
            rounds=tuple(self._rounds),
        )

    async def _read(self, body: bytes) -> AsyncGenerator[AnswerItem, None]:
        """Ask with the request `body`; yield the text as it comes, then calls, then the evidence.

        The evidence says how many tokens the model read.
        """
        endpoint, id = self._answerer.endpoint, self._question.id
        calls: dict[int, FunctionCall] = {}
        async with (
            answerer_client(endpoint) as client,
            aclosing(stream_completion(client, endpoint, body, self._waits)) as deltas,
        ):
            async for delta in deltas:
                if delta.text:
                    yield delta.text
                for call in delta.calls:
                    calls[call.number] = _joined(calls.get(call.number), call)
                self.prompt_tokens = delta.prompt_tokens or self.prompt_tokens
        for each in calls.values():
            yield CalledFunction(id, each)
        if self.prompt_tokens:
            yield Evidence(id, self.moments, self.prompt_tokens)


@dataclass(slots=True)
class Attempt:
    """How the model is asked: `refused` is why it is asked without pictures."""

    with_pictures: bool
    refused: RefusedError | None = None
    waited: bool = False


def answerer_client(endpoint: Endpoint) -> httpx.AsyncClient:
    """Return a client; making its TLS context would take too long on the event loop."""
    return httpx.AsyncClient(verify=endpoint.tls or False, timeout=None)


def _joined(before: FunctionCall | None, added: CallDelta) -> FunctionCall:
    """Return a call with what was `added` to it."""
    if before is None:
        id = added.id or f"call_{secrets.token_hex(8)}"
        return FunctionCall(id, added.name, added.arguments)
    arguments = before.arguments + added.arguments
    return replace(before, name=before.name or added.name, arguments=arguments)
