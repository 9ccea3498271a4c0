"""Answers from an outside model, and from the packaged one if that fails."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import httpx

from media.dialogue import AnswerNotice, CalledFunction, DialogueTurn, FunctionCall, FunctionTool
from media.events.answers import Evidence, Question
from media.pipeline.models.answerer import (
    AnswerItem,
    PackagedAnswerer,
)
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.abilities import Abilities
from media.pipeline.outside.calls import ModelTurn, StreamedCalls
from media.pipeline.outside.completion import stream_completion
from media.pipeline.outside.endpoint import ModelEndpoint
from media.pipeline.outside.errors import (
    BusyError,
    OutsideError,
    RefusedError,
)
from media.pipeline.outside.evidence import EvidenceCollector, QuestionEvidence
from media.pipeline.outside.fallback import AnswerWithFallback
from media.pipeline.outside.memory_tools import MemoryTools, ToolResult, ToolRound
from media.pipeline.outside.prompt import request_body
from media.worker import Worker

logger = logging.getLogger(__name__)

MAX_ROUNDS = 4  # of calls that the model makes itself for one answer


class OutsideAnswerer:
    """The model at `endpoint`; with `fallback`, the packaged one answers if it fails.

    `memory_tools` are names of functions that it may call itself.
    """

    tools = True

    def __init__(
        self,
        endpoint: ModelEndpoint,
        collector: EvidenceCollector,
        worker: Worker,
        fallback: PackagedAnswerer | None = None,
        memory_tools: Iterable[str] = (),
    ) -> None:
        self.endpoint = endpoint
        self.abilities = Abilities(collector.config.takes_pictures)
        self.collector = collector
        self.worker = worker
        self.fallback = fallback
        self.memory_tools = MemoryTools(memory_tools, collector)
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


class OutsideAnswer(AnswerWithFallback):
    """One answer of the outside model."""

    def __init__(
        self,
        answerer: OutsideAnswerer,
        question: Question,
        evidence: QuestionEvidence,
        memory: AssistantHandle | None,
    ) -> None:
        super().__init__(
            question,
            memory,
            evidence.stored,
            answerer.fallback,
            max_text=answerer.endpoint.max_text,
            scope=evidence.scope,
        )
        self._answerer = answerer
        self._evidence = evidence
        self._rounds: list[ToolRound] = []
        self._ended = ""  # why the model ended its last turn

    async def _converse(self) -> AsyncGenerator[AnswerItem, None]:
        """Yield the outside model's answer; in between, run the calls that it makes itself.

        Those are left out if it calls functions of the client, too: it may repeat them after these.
        A function that nobody has is answered as such, as clients cannot.

        Raises:
            OutsideError: there is no answer, or no rest of it.
        """
        offered = self._answerer.memory_tools.offered(self.question, self.memory)
        clients = {tool.name for tool in self.question.dialogue.tools}
        while True:
            turn = ModelTurn(clients)
            tools = tuple(offered.values()) if len(self._rounds) < MAX_ROUNDS else ()
            async with aclosing(self._ask(tools)) as items:
                async for item in items:
                    if turn.add(item):
                        yield item
            if turn.called or not turn.own or len(self._rounds) == MAX_ROUNDS:
                break
            for result in await self._run(turn, offered):
                yield result
            if turn.text and not turn.text[-1].isspace():
                yield " "
        if not (self.wrote or turn.called or self._drew()):
            raise self._nothing()

    def _drew(self) -> bool:
        made = (result for each in self._rounds for result in each.results)
        return any(result.draw is not None for result in made)

    def _nothing(self) -> OutsideError:
        """Return what to tell the user about an answer without text."""
        endpoint = self._answerer.endpoint
        hint = f" within {endpoint.max_tokens} tokens: raise EYELINE_ANSWERS_TOKENS"
        return OutsideError(
            f"{endpoint.name} wrote nothing{hint if self._ended == 'length' else ''}"
        )

    async def _run(self, turn: ModelTurn, offered: Mapping[str, FunctionTool]) -> list[AnswerItem]:
        """Run the calls of a turn; return what comes of them besides their results."""
        items = list[AnswerItem]()
        results = [await self._result(call, offered) for call in turn.own]
        made = DialogueTurn("assistant", turn.text, tuple(turn.own))
        self._rounds.append(ToolRound(made, tuple(results)))
        found = {moment.number: moment for moment in self.moments}
        for result in results:
            found |= {moment.number: moment for moment in result.evidence.stored}
            items += [] if result.draw is None else [result.draw]
        if len(found) > len(self.moments):
            self.moments = tuple(sorted(found.values(), key=lambda moment: moment.time))
            items.append(Evidence(self.question.id, self.moments, self.prompt_tokens, self.scope))
        return items

    async def _result(self, call: FunctionCall, offered: Mapping[str, FunctionTool]) -> ToolResult:
        """Return the result of a call, which may be of a function that does not exist."""
        if call.name not in offered or self.memory is None:
            return ToolResult(f"There is no function {call.name!r:.80}.")
        return await self._answerer.memory_tools.run(call, self.question, self.memory)

    async def _ask(self, tools: tuple[FunctionTool, ...]) -> AsyncGenerator[AnswerItem, None]:
        """Yield the outside model's answer; it may call `tools` and those of the client.

        It is asked once more without pictures if it refuses them, and if it is busy.
        """
        answerer, id = self._answerer, self.question.id
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
                await self.waits.wait(asyncio.sleep(error.seconds), None)
            except RefusedError as error:
                self._leave_pictures_after(attempt, error)
            else:
                return

    def _used_ids(self) -> Iterator[str]:
        dialogue = self.question.dialogue
        rounds = (each.turn for each in self._rounds)
        for turn in (*dialogue.before, *dialogue.since, *rounds):
            yield from (call.id for call in turn.calls)

    def _has_pictures(self) -> bool:
        seen = [result.evidence for made in self._rounds for result in made.results]
        return any(each.pictures for each in (self._evidence, *seen))

    def _wait_after(self, attempt: "Attempt", error: BusyError) -> None:
        """Note that the server is asked again later.

        Raises:
            BusyError: it is not.
        """
        if attempt.waited or self.wrote or error.seconds > self._answerer.endpoint.retry_wait:
            raise error
        attempt.waited = True

    def _leave_pictures_after(self, attempt: "Attempt", error: RefusedError) -> None:
        """Note that the server is asked again without pictures.

        Raises:
            RefusedError: it is not.
        """
        if not attempt.with_pictures or self.wrote or not self._answerer.abilities.on_trial:
            raise error
        attempt.refused, attempt.with_pictures = error, False

    async def _body(self, tools: tuple[FunctionTool, ...], *, with_pictures: bool) -> bytes:
        answerer, question = self._answerer, self.question
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
        endpoint, id = self._answerer.endpoint, self.question.id
        calls = StreamedCalls(self._used_ids())
        async with (
            answerer_client(endpoint) as client,
            aclosing(stream_completion(client, endpoint, body, self.waits)) as deltas,
        ):
            async for delta in deltas:
                if delta.text:
                    yield delta.text
                for call in delta.calls:
                    calls.add(call)
                self.prompt_tokens = delta.prompt_tokens or self.prompt_tokens
                self._ended = delta.ended or self._ended
        for each in calls.made():
            yield CalledFunction(id, each)
        if self.prompt_tokens:
            yield Evidence(id, self.moments, self.prompt_tokens, self.scope)


@dataclass(slots=True)
class Attempt:
    """How the model is asked: `refused` is why it is asked without pictures."""

    with_pictures: bool
    refused: RefusedError | None = None
    waited: bool = False


def answerer_client(endpoint: ModelEndpoint) -> httpx.AsyncClient:
    """Return a client; making its TLS context would take too long on the event loop."""
    return httpx.AsyncClient(verify=endpoint.tls or False, timeout=None)
