"""What a request for a chat completion asks: checked, and cut down to what is here.

What cannot change an answer here (temperature, tools that nobody must call) is let pass, as most
clients send some of it; what would be promised and not kept is refused.

Source: the OpenAI Chat Completions API, as openai 3.54.0's types describe it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from media.errors import UnreadableMediaError
from media.images import read_image
from web.problems import ProblemError
from web.protocol.items import (
    MAX_PICTURES,
    Item,
    ItemList,
    insert,
    last_user_message,
    question_pictures,
    question_text,
)
from web.protocol.messages import ProtocolError, image_file, invalid_field_error
from web.protocol.responses import PICTURE_QUESTION

MAX_MESSAGES = 1000
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
UNION_TAGS = ("str", "list[Part]", "Image")  # of unions, in the paths of pydantic's errors


class LenientModel(BaseModel):
    """Unknown fields are let pass: clients send what the real API takes or will take."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ImageUrl(LenientModel):
    url: str


class ContentPart(LenientModel):
    type: str
    text: str | None = None
    image_url: ImageUrl | str | None = None


class ChatMessage(LenientModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class StreamOptions(LenientModel):
    include_usage: bool = False


class TypedOption(LenientModel):
    """Of `tool_choice` and `response_format`: what they ask for."""

    type: str


class ChatCompletionRequest(LenientModel):
    """The body of the request, as far as anything of it matters here."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    metadata: dict[str, Any] | None = None
    tool_choice: str | TypedOption | None = None
    response_format: TypedOption | None = None
    modalities: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestion:
    """A question of `words` about `pictures`, files, or about what the session `session` saw.

    The answer has at most `longest` tokens. `usage` wants them counted at a stream's end.
    """

    text: str
    images: tuple[bytes, ...] = ()
    session_id: str | None = None
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None


def parse_chat_request(body: bytes) -> ChatQuestion:
    """Return what `body` asks. Its pictures are decoded once to see that they can be.

    Raises:
        ProblemError: it is not JSON, a field is wrong, or it wishes for what is not here.
    """
    try:
        request = ChatCompletionRequest.model_validate_json(body)
        _check_options(request)
        items = _items(request)
        session = _session(request)
        item = last_user_message(items)
        if item is None:
            raise _invalid("messages", "expected at least one message of role user: the question")
        images = question_pictures(items, item, live=session is not None)
        _check_images(images)
    except ValidationError as error:
        raise _validation_problem(error) from error
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    text = question_text(item) or ""
    if not text.strip() and not images:
        raise _invalid(f"{item['id']}", "expected a question")
    return ChatQuestion(
        text=text if text.strip() else PICTURE_QUESTION,
        images=images,
        session_id=session,
        stream=bool(request.stream),
        include_usage=request.stream_options is not None and request.stream_options.include_usage,
        max_tokens=request.max_completion_tokens or request.max_tokens,
    )


def _check_options(request: ChatCompletionRequest) -> None:
    if request.n not in (None, 1):
        raise _invalid("n", f"one answer is given to a question: expected 1, got {request.n}")
    tool = request.tool_choice
    if tool not in (None, "none", "auto"):
        told = "no model here calls tools: leave tool_choice out, or say none or auto"
        raise _invalid("tool_choice", told)
    if request.response_format is not None and request.response_format.type != "text":
        told = "answers are a sentence of plain text: leave response_format out"
        raise _invalid("response_format", told)
    if "audio" in (request.modalities or ()):
        told = "answers here are text: let /v1/audio/speech say it, or use /v1/realtime"
        raise _invalid("modalities", told)


def _session(request: ChatCompletionRequest) -> str | None:
    id = (request.metadata or {}).get("session_id")
    if id is not None and not (isinstance(id, str) and id):
        raise _invalid("metadata.session_id", "expected the id of a session, as /sessions lists it")
    return id


def _items(request: ChatCompletionRequest) -> ItemList:
    """Return the messages of the user and of the model as the items of a conversation."""
    items = ItemList()
    for number, message in enumerate(request.messages):
        if message.role not in ("user", "assistant"):
            continue
        place = f"messages[{number}].content"
        parts = _parts(message, place)
        images = sum(part["type"] == "input_image" for part in parts)
        if images > MAX_PICTURES:
            raise _invalid(
                place, f"a question may be about {MAX_PICTURES} pictures, this one has {images}"
            )
        item: Item = {"id": place, "type": "message", "role": message.role, "content": parts}
        insert(items, item, None)
    return items


def _parts(message: ChatMessage, place: str) -> list[dict[str, Any]]:
    if message.content is None or isinstance(message.content, str):
        return [{"type": "input_text", "text": message.content or ""}]
    return [_part(part, f"{place}[{index}]") for index, part in enumerate(message.content)]


def _part(part: ContentPart, place: str) -> dict[str, Any]:
    if part.type == "image_url":
        return {"type": "input_image", "image_url": _image_url(part, place)}
    if part.type not in TEXT_PARTS:
        raise _invalid(
            f"{place}.type",
            f"expected text or image_url, got {part.type[:40]!r}: nothing else is understood here",
        )
    return {"type": "input_text", "text": part.text or ""}


def _image_url(part: ContentPart, place: str) -> str:
    """Return the data URL of a picture, which it must be: nothing is fetched from elsewhere."""
    param = f"{place}.image_url.url"
    url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
    if url is None:
        raise _invalid(f"{place}.image_url", 'expected {"url": "data:image/jpeg;base64,..."}')
    if not url.startswith("data:"):
        raise _invalid(
            param,
            "this service fetches nothing from other places: send the picture itself, as "
            f"data:image/jpeg;base64,..., not {url[:60]!r}",
        )
    image_file(url, param)
    return url


def _check_images(files: tuple[bytes, ...]) -> None:
    for number, file in enumerate(files, start=1):
        try:
            read_image(file)
        except UnreadableMediaError as error:
            raise _invalid("messages", f"picture {number} of {len(files)}: {error}") from error


def _validation_problem(error: ValidationError) -> ProblemError:
    problem = invalid_field_error(error, drop=UNION_TAGS)
    message = "expected a JSON object" if problem.param is None else problem.message
    return ProblemError(400, message, code=problem.code, param=problem.param)


def _invalid(param: str, message: str) -> ProblemError:
    return ProblemError(400, f"{param}: {message}", code="invalid_value", param=param)
