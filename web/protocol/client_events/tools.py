"""The tools of a session or a response: functions that the client runs.

Source: the OpenAI Realtime API (GA), `session.tools` and `session.tool_choice`.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from media.dialogue import FunctionTool

NO_TOOLS = (
    "the model that answers here calls no functions: leave the tools out, or let a model that does "
    "answer, by EYELINE_ANSWERS_URL"
)
MAX_TOOLS = 128


class ToolModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FunctionToolConfig(ToolModel):
    """A function; `parameters` is a JSON schema."""

    type: Literal["function"] = "function"
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class NamedChoice(ToolModel):
    type: Literal["function"]
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedChoice
MaxTokens = Annotated[int, Field(ge=1)] | Literal["inf"]


class DescribedFunction(Protocol):
    """A function, as the Realtime API or the Chat Completions API describes it."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str | None: ...

    @property
    def parameters(self) -> dict[str, Any] | None: ...


def function_tools(tools: Sequence[DescribedFunction]) -> tuple[FunctionTool, ...]:
    """Return the functions for the model."""
    return tuple(
        FunctionTool(
            tool.name,
            tool.description or "",
            json.dumps(tool.parameters or {"type": "object", "properties": {}}),
        )
        for tool in tools
    )


def choice_name(choice: ToolChoice) -> str:
    """Return the choice as `Dialogue` has it."""
    return choice if isinstance(choice, str) else choice.name
