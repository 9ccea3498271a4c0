"""Parsing and checking of chat completion requests.

Fields that cannot change an answer here (temperature, tools with `tool_choice` auto) are ignored,
because most clients send some of them. Fields whose promise could not be kept are refused.

Source: the OpenAI Chat Completions API, as openai 3.54.0's types describe it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from media.errors import UnreadableMediaError
from media.images.decoder import ImageDecoder
from web.problems import ProblemError
from web.protocol.client_events.encoded import check_json
from web.protocol.client_events.messages import ProtocolError, image_file, invalid_field_error
from web.protocol.items import MAX_PICTURES, Item, ItemList, question_text
from web.protocol.responses import PICTURE_QUESTION

MAX_MESSAGES = 1000
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
UNION_TAGS = (
    "str",
    "list[ContentPart]",
    "ImageUrl",
)  # of unions, in the paths of pydantic's errors


class LenientModel(BaseModel):
    """Ignores unknown fields: clients send what OpenAI's API takes now or later."""

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
    """The object form of `tool_choice` and `response_format`."""

    type: str


class ChatCompletionRequest(LenientModel):
    """The fields of the request body that matter here."""

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
    """A question about `images` (encoded files), or about what the session `session_id` has seen.

    `image_fields` are the paths of the images in the request.
    The answer has at most `max_tokens` tokens. With `include_usage` a stream ends with their count.
    """

    text: str
    images: tuple[bytes, ...] = ()
    image_fields: tuple[str, ...] = ()
    session_id: str | None = None
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None


def parse_chat_request(body: bytes) -> ChatQuestion:
    """Return the question in `body`. Its images may be unreadable: see `check_images`.

    Raises:
        ProblemError: the body is not JSON, a field is wrong, or an option is not supported.
    """
    try:
        check_json(body)
        request = ChatCompletionRequest.model_validate_json(body)
        _check_options(request)
        items = _items(request)
        session = _session(request)
        item = items.last_user_message()
        if item is None:
            raise _invalid("messages", "expected at least one message of role user: the question")
        images = items.pictures_of(item, live=session is not None)
    except ValidationError as error:
        raise _validation_problem(error) from error
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    except ValueError as error:
        raise ProblemError(400, str(error), code="invalid_json") from error
    text = question_text(item) or ""
    if not text.strip() and not images:
        raise _invalid(f"{item['id']}", "expected a question")
    return ChatQuestion(
        text=text if text.strip() else PICTURE_QUESTION,
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
            raise _invalid(field, str(error)) from error


def _check_options(request: ChatCompletionRequest) -> None:
    if request.n not in (None, 1):
        raise _invalid("n", f"each question gets one answer: expected 1, got {request.n}")
    tool = request.tool_choice
    if tool not in (None, "none", "auto"):
        raise _invalid("tool_choice", "no model here calls tools: omit it, or use none or auto")
    if request.response_format is not None and request.response_format.type != "text":
        raise _invalid("response_format", "answers are a sentence of plain text: omit it")
    if "audio" in (request.modalities or ()):
        raise _invalid(
            "modalities", "answers are text: send it to /v1/audio/speech, or use /v1/realtime"
        )


def _session(request: ChatCompletionRequest) -> str | None:
    id = (request.metadata or {}).get("session_id")
    if id is not None and not (isinstance(id, str) and id):
        raise _invalid("metadata.session_id", "expected the id of a session, as in /sessions")
    return id


def _items(request: ChatCompletionRequest) -> ItemList:
    """Return the messages of the user and the assistant as conversation items."""
    items = ItemList()
    for number, message in enumerate(request.messages):
        if message.role not in ("user", "assistant"):
            continue
        place = f"messages[{number}].content"
        parts = _parts(message, place)
        images = sum(part["type"] == "input_image" for part in parts)
        if images > MAX_PICTURES:
            raise _invalid(
                place, f"a message may have at most {MAX_PICTURES} images, this one has {images}"
            )
        item: Item = {"id": place, "type": "message", "role": message.role, "content": parts}
        items.insert(item, None)
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
            f"expected text or image_url, got {part.type[:40]!r}",
        )
    return {"type": "input_text", "text": part.text or ""}


def _image_url(part: ContentPart, place: str) -> str:
    """Return the data URL of an image. Other URLs are refused: the service fetches nothing."""
    param = f"{place}.image_url.url"
    url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
    if url is None:
        raise _invalid(f"{place}.image_url", 'expected {"url": "data:image/jpeg;base64,..."}')
    if not url.startswith("data:"):
        raise _invalid(
            param,
            "this service fetches no URLs: send the image itself, as "
            f"data:image/jpeg;base64,..., not {url[:60]!r}",
        )
    image_file(url, param)
    return url


def _validation_problem(error: ValidationError) -> ProblemError:
    problem = invalid_field_error(error, drop=UNION_TAGS)
    message = "expected a JSON object" if problem.param is None else problem.message
    return ProblemError(400, message, code=problem.code, param=problem.param)


def _invalid(param: str, message: str) -> ProblemError:
    return ProblemError(400, f"{param}: {message}", code="invalid_value", param=param)
