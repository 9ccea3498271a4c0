"""The tools of a session or a response: functions that the client runs.

Source: the OpenAI Realtime API (GA), `session.tools` and `session.tool_choice`.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from media.dialogue import FunctionTool

NO_TOOLS = (
    "the model that answers here calls no functions: leave the tools out, or let a model that does "
    "answer, by EYELINE_ANSWERS_URL"
)
MAX_TOOLS = 128
MAX_TOOLS_SIZE = 1 << 20  # characters of JSON of all tools, which each response takes along


class ToolModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FunctionToolConfig(ToolModel):
    """A function; `parameters` is a JSON schema."""

    type: Literal["function"] = "function"
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None


def check_size(tools: Sequence[FunctionToolConfig]) -> Sequence[FunctionToolConfig]:
    """Check that `tools` are not too large together.

    Raises:
        ValueError: they are.
    """
    size = sum(len(tool.description or "") + len(json.dumps(tool.parameters)) for tool in tools)
    if size > MAX_TOOLS_SIZE:
        raise ValueError(f"expected at most {MAX_TOOLS_SIZE} characters of JSON, got {size}")
    return tools


class NamedChoice(ToolModel):
    type: Literal["function"]
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedChoice
Tools = Annotated[
    tuple[FunctionToolConfig, ...], Field(max_length=MAX_TOOLS), AfterValidator(check_size)
]
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


def missing_choice(choice: ToolChoice | None, tools: Sequence[DescribedFunction]) -> str | None:
    """Return what is wrong with a choice of one of `tools`: it must be there; None if it is."""
    if not isinstance(choice, NamedChoice) or choice.name in {tool.name for tool in tools}:
        return None
    return f"there is no function {choice.name!r:.80} among the tools"
