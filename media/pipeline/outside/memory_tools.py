"""Functions on a session's memory and video that the outside model may call itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from media.dialogue import DialogueTurn, FunctionCall, FunctionTool
from media.events.answers import Question
from media.events.generation import DrawRequest
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.evidence import NO_EVIDENCE, EvidenceCollector, QuestionEvidence
from media.pipeline.outside.tool_schemas import DRAW, LOOK, RECENT, SEARCH, TOOLS
from models.assistant.scene.scene_entry import format_time

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: text for the model, and what it saw or draws."""

    text: str
    evidence: QuestionEvidence = NO_EVIDENCE
    draw: DrawRequest | None = None


@dataclass(frozen=True, slots=True)
class ToolRound:
    """One round of calls that the model made itself: its turn, and the result of each call."""

    turn: DialogueTurn
    results: tuple[ToolResult, ...]


class MemoryTools:
    """The functions called `names`, for questions about a session."""

    def __init__(self, names: Iterable[str], collector: EvidenceCollector) -> None:
        self._tools = {name: TOOLS[name] for name in names}
        self._collector = collector

    def offered(
        self, question: Question, memory: AssistantHandle | None
    ) -> dict[str, FunctionTool]:
        """Return the functions for `question`; a client's function of the same name goes first.

        Only a session draws: a question to an ended one has no id.
        """
        if memory is None or question.pictures or question.dialogue.tool_choice != "auto":
            return {}
        taken = {tool.name for tool in question.dialogue.tools}
        if not question.id:
            taken.add(DRAW)
        return {name: tool for name, tool in self._tools.items() if name not in taken}

    async def run(
        self, call: FunctionCall, question: Question, memory: AssistantHandle
    ) -> ToolResult:
        """Return the result of `call`; what is wrong with it is for the model to read."""
        try:
            arguments = json.loads(call.arguments or "{}")
            if not isinstance(arguments, dict):
                raise ValueError("expected an object")  # noqa: TRY004 - as of other arguments
            return await self._run(call.name, arguments, question, memory)
        except ValueError as error:
            return ToolResult(f"wrong arguments: {error}")

    async def _run(
        self, name: str, arguments: Mapping[str, Any], question: Question, memory: AssistantHandle
    ) -> ToolResult:
        collector, now = self._collector, question.time
        if name == SEARCH:
            since, until = _seconds(arguments, "from", 0.0), _seconds(arguments, "to", now)
            query, until = str(arguments.get("query", "")), min(until, now)
            return _seen(await collector.search(memory, query, since, until))
        if name == LOOK:
            return _seen(await collector.last_looks(memory, 1, now))
        if name == RECENT:
            return _seen(await collector.last_looks(memory, _count(arguments), now))
        prompt = str(arguments.get("prompt", "")).strip()
        if not prompt:
            raise ValueError("expected a prompt")
        return ToolResult("It is being drawn.", draw=DrawRequest(prompt))


def _seen(evidence: QuestionEvidence) -> ToolResult:
    lines = [f"{format_time(moment.time)} {moment.text}" for moment in evidence.moments]
    times = ", ".join(format_time(picture.time or 0.0) for picture in evidence.pictures)
    lines += [f"Pictures of {times} follow."] if times else []
    return ToolResult("\n".join(lines) or "Nothing was seen then.", evidence)


def _seconds(arguments: Mapping[str, Any], name: str, default: float) -> float:
    """Return a time in seconds, which is given as such or as minutes:seconds."""
    value = arguments.get(name)
    if value is None or value == "":
        return default
    total = 0.0
    try:
        for part in str(value).split(":"):
            total = 60 * total + float(part)
    except ValueError:
        total = -1.0
    if not 0 <= total <= DAY:
        raise ValueError(f"{name}: expected minutes:seconds, got {str(value)[:40]!r}")
    return total


def _count(arguments: Mapping[str, Any]) -> int:
    try:
        return max(1, int(arguments.get("n", 4)))
    except (TypeError, ValueError) as error:
        raise ValueError("n: expected a whole number") from error
