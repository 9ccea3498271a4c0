"""The conversation around a question: instructions, earlier turns, tools, and calls of them.

Turns and tools are those of the OpenAI APIs. What is JSON there is JSON text here: only the model
and the client read it.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "assistant", "system", "tool"]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of the function `name`; `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """What one side said. A turn of the tool has the output of call `call_id` as its text."""

    role: Role
    text: str = ""
    calls: tuple[FunctionCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the model may call; `parameters` is a JSON schema as text."""

    name: str
    description: str = ""
    parameters: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """The conversation around a question: turns `before` it, and calls and outputs `since`.

    `tool_choice` is auto, none, required, or the name of the function to call. Without `parallel`
    the model makes one call at a time. An answer has at most `max_tokens` tokens, if that is set.
    """

    instructions: str = ""
    before: tuple[DialogueTurn, ...] = ()
    since: tuple[DialogueTurn, ...] = ()
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    parallel: bool = True
    max_tokens: int | None = None


NO_DIALOGUE = Dialogue()


@dataclass(frozen=True, slots=True)
class CalledFunction:
    """The model calls a function of the client, in the answer to question `id`."""

    id: str
    call: FunctionCall


@dataclass(frozen=True, slots=True)
class AnswerNotice:
    """What the user should know about the answer to question `id`: that another model answers."""

    id: str
    message: str
