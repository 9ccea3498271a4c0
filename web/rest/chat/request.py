"""Parsing and checking of chat completion requests.

Fields that cannot change an answer here (temperature, say) are ignored, because most clients send
some of them. Fields whose promise could not be kept are refused.

Source: the OpenAI Chat Completions API, as openai 3.54.0's types describe it.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field, ValidationError

from media.dialogue import NO_DIALOGUE, Dialogue
from media.errors import UnreadableMediaError
from media.events.answers import Question
from media.images.decoder import ImageDecoder
from media.pipeline.models.answerer import Answerer
from web.problems import ProblemError
from web.protocol.client_events.encoded import check_json
from web.protocol.client_events.messages import ProtocolError, invalid_field_error
from web.protocol.client_events.tools import MAX_TOOLS, NO_TOOLS, function_tools
from web.protocol.items import Item, ItemList, question_text
from web.protocol.response.dialogue import dialogue_around
from web.protocol.response.responses import PICTURE_QUESTION
from web.rest.chat.messages import (
    ChatMessage,
    LenientModel,
    conversation_items,
    instructions_of,
    invalid_value,
)

MAX_MESSAGES = 1000
UNION_TAGS = (
    "str",
    "ChosenTool",
    "literal['none','auto','required']",
    "list[ContentPart]",
    "ImageUrl",
)  # of unions, in the paths of pydantic's errors


class StreamOptions(LenientModel):
    include_usage: bool = False


class TypedOption(LenientModel):
    """The object form of `response_format`."""

    type: str


class ChatFunction(LenientModel):
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ChatTool(LenientModel):
    type: Literal["function"]
    function: ChatFunction


class ChosenFunction(LenientModel):
    name: str


class ChosenTool(LenientModel):
    """The object form of `tool_choice`."""

    type: Literal["function"]
    function: ChosenFunction


class ChatCompletionRequest(LenientModel):
    """The fields of the request body that matter here."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    metadata: dict[str, Any] | None = None
    tools: list[ChatTool] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: TypedOption | None = None
    modalities: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestion:
    """A question about `images` (encoded files), or about what the session `session_id` has seen.

    `image_fields` are the paths of the images in the request, `dialogue` has its other messages.
    The answer has at most `max_tokens` tokens. With `include_usage` a stream ends with their count.
    """

    text: str
    dialogue: Dialogue = NO_DIALOGUE
    images: tuple[bytes, ...] = ()
    image_fields: tuple[str, ...] = ()
    session_id: str | None = None
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None

    def at(self, id: str, time: float) -> Question:
        """Return the question for a session or memory at `time`, in seconds."""
        return Question(
            id, self.text, time, pictures=self.images, dialogue=self.dialogue, outside=True
        )


def parse_chat_request(body: bytes) -> ChatQuestion:
    """Return the question in `body`. Its images may be unreadable: see `check_images`.

    Raises:
        ProblemError: the body is not JSON, a field is wrong, or an option is not supported.
    """
    try:
        check_json(body)
        request = ChatCompletionRequest.model_validate_json(body)
        _check_options(request)
        items = conversation_items(request.messages)
        session = _session(request)
        item = items.last_user_message()
        if item is None:
            raise invalid_value(
                "messages", "expected at least one message of role user: the question"
            )
        images = items.pictures_of(item, live=session is not None)
    except ValidationError as error:
        raise _validation_problem(error) from error
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    except ValueError as error:
        raise ProblemError(400, str(error), code="invalid_json") from error
    text = question_text(item) or ""
    if not text.strip() and not images:
        raise invalid_value(f"{item['id']}", "expected a question")
    return ChatQuestion(
        text=text if text.strip() else PICTURE_QUESTION,
        dialogue=_dialogue(request, items, item),
        images=tuple(image.file for image in images),
        image_fields=tuple(f"{image.item_id}[{image.index}].image_url.url" for image in images),
        session_id=session,
        stream=bool(request.stream),
        include_usage=request.stream_options is not None and request.stream_options.include_usage,
        max_tokens=request.max_completion_tokens or request.max_tokens,
    )


async def check_images(decoder: ImageDecoder, question: ChatQuestion) -> None:
    """Check that the images of `question` can be decoded.

    Raises:
        ProblemError: one cannot; it names its field.
    """
    for field, file in zip(question.image_fields, question.images, strict=True):
        try:
            await decoder.read(file)
        except UnreadableMediaError as error:
            raise invalid_value(field, str(error)) from error


def check_tools(question: ChatQuestion, answerer: Answerer) -> None:
    """Check that the model that answers `question` can do what its tools are for.

    Raises:
        ProblemError: it calls no functions, or the one that it must call is not there.
    """
    asked = question.dialogue
    if not answerer.tools and (asked.tools or asked.tool_choice not in ("auto", "none")):
        param = "tools" if asked.tools else "tool_choice"
        raise ProblemError(400, f"{param}: {NO_TOOLS}", code="tools_not_supported", param=param)
    choice, names = asked.tool_choice, {tool.name for tool in asked.tools}
    if choice not in ("auto", "none", *(names and {"required"}), *names):
        raise invalid_value("tool_choice", f"there is no function for {choice!r:.80} in the tools")


def _dialogue(request: ChatCompletionRequest, items: ItemList, question: Item) -> Dialogue:
    """Return the conversation around the question, and the tools that may be used."""
    tools = () if request.tool_choice == "none" else (request.tools or ())
    choice = request.tool_choice or "auto"
    return replace(
        dialogue_around(items, question, MAX_MESSAGES),
        instructions=instructions_of(request.messages),
        tools=function_tools([tool.function for tool in tools]),
        tool_choice=choice if isinstance(choice, str) else choice.function.name,
        parallel=request.parallel_tool_calls is not False,
        max_tokens=request.max_completion_tokens or request.max_tokens,
    )


def _check_options(request: ChatCompletionRequest) -> None:
    if request.n not in (None, 1):
        raise invalid_value("n", f"each question gets one answer: expected 1, got {request.n}")
    if request.response_format is not None and request.response_format.type != "text":
        raise invalid_value("response_format", "answers are a sentence of plain text: omit it")
    if "audio" in (request.modalities or ()):
        raise invalid_value(
            "modalities", "answers are text: send it to /v1/audio/speech, or use /v1/realtime"
        )


def _session(request: ChatCompletionRequest) -> str | None:
    id = (request.metadata or {}).get("session_id")
    if id is not None and not (isinstance(id, str) and id):
        raise invalid_value("metadata.session_id", "expected the id of a session, as in /sessions")
    return id


def _validation_problem(error: ValidationError) -> ProblemError:
    problem = invalid_field_error(error, drop=UNION_TAGS)
    message = "expected a JSON object" if problem.param is None else problem.message
    return ProblemError(400, message, code=problem.code, param=problem.param)
