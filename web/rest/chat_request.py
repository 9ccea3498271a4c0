"""What a request for a chat completion asks: checked, and cut down to what is here.

What cannot change an answer here (temperature, tools that nobody must call) is let pass, as most
clients send some of it; what would be promised and not kept is refused.

Source: the OpenAI Chat Completions API, as openai 3.54.0's types describe it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from media.errors import UnreadableMediaError
from media.images import read_picture
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

MOST_MESSAGES = 1000
TEXTS = ("text", "input_text", "output_text", "refusal")
TAGS = ("str", "list[Part]", "Image")  # of unions, in the paths of pydantic's errors


class Fields(BaseModel):
    """Unknown fields are let pass: clients send what the real API takes or will take."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Image(Fields):
    url: str


class Part(Fields):
    type: str
    text: str | None = None
    image_url: Image | str | None = None


class ChatMessage(Fields):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(Fields):
    include_usage: bool = False


class Choice(Fields):
    """Of `tool_choice` and `response_format`: what they ask for."""

    type: str


class ChatWish(Fields):
    """The body of the request, as far as anything of it matters here."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    metadata: dict[str, Any] | None = None
    tool_choice: str | Choice | None = None
    response_format: Choice | None = None
    modalities: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of `words` about `pictures`, files, or about what the session `session` saw.

    The answer has at most `longest` tokens. `usage` wants them counted at a stream's end.
    """

    words: str
    pictures: tuple[bytes, ...] = ()
    session: str | None = None
    stream: bool = False
    usage: bool = False
    longest: int | None = None


def parse(body: bytes) -> Asked:
    """Return what `body` asks. Its pictures are decoded once to see that they can be.

    Raises:
        ProblemError: it is not JSON, a field is wrong, or it wishes for what is not here.
    """
    try:
        wish = ChatWish.model_validate_json(body)
        _check_wishes(wish)
        items = _items(wish)
        session = _session(wish)
        asked = last_user_message(items)
        if asked is None:
            raise _wrong("messages", "expected at least one message of role user: the question")
        shown = question_pictures(items, asked, live=session is not None)
        _check_pictures(shown)
    except ValidationError as error:
        raise _told(error) from error
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    words = question_text(asked) or ""
    if not words.strip() and not shown:
        raise _wrong(f"{asked['id']}", "expected a question")
    return Asked(
        words=words if words.strip() else PICTURE_QUESTION,
        pictures=shown,
        session=session,
        stream=bool(wish.stream),
        usage=wish.stream_options is not None and wish.stream_options.include_usage,
        longest=wish.max_completion_tokens or wish.max_tokens,
    )


def _check_wishes(wish: ChatWish) -> None:
    if wish.n not in (None, 1):
        raise _wrong("n", f"one answer is given to a question: expected 1, got {wish.n}")
    tool = wish.tool_choice
    if tool not in (None, "none", "auto"):
        told = "no model here calls tools: leave tool_choice out, or say none or auto"
        raise _wrong("tool_choice", told)
    if wish.response_format is not None and wish.response_format.type != "text":
        told = "answers are a sentence of plain text: leave response_format out"
        raise _wrong("response_format", told)
    if "audio" in (wish.modalities or ()):
        told = "answers here are text: let /v1/audio/speech say it, or use /v1/realtime"
        raise _wrong("modalities", told)


def _session(wish: ChatWish) -> str | None:
    id = (wish.metadata or {}).get("session_id")
    if id is not None and not (isinstance(id, str) and id):
        raise _wrong("metadata.session_id", "expected the id of a session, as /sessions lists it")
    return id


def _items(wish: ChatWish) -> ItemList:
    """Return the messages of the user and of the model as the items of a conversation."""
    items = ItemList()
    for number, message in enumerate(wish.messages):
        if message.role not in ("user", "assistant"):
            continue
        place = f"messages[{number}].content"
        parts = _parts(message, place)
        shown = sum(part["type"] == "input_image" for part in parts)
        if shown > MAX_PICTURES:
            raise _wrong(
                place, f"a question may be about {MAX_PICTURES} pictures, this one has {shown}"
            )
        item: Item = {"id": place, "type": "message", "role": message.role, "content": parts}
        insert(items, item, None)
    return items


def _parts(message: ChatMessage, place: str) -> list[dict[str, Any]]:
    if message.content is None or isinstance(message.content, str):
        return [{"type": "input_text", "text": message.content or ""}]
    return [_part(part, f"{place}[{index}]") for index, part in enumerate(message.content)]


def _part(part: Part, place: str) -> dict[str, Any]:
    if part.type == "image_url":
        return {"type": "input_image", "image_url": _picture_url(part, place)}
    if part.type not in TEXTS:
        raise _wrong(
            f"{place}.type",
            f"expected text or image_url, got {part.type[:40]!r}: nothing else is understood here",
        )
    return {"type": "input_text", "text": part.text or ""}


def _picture_url(part: Part, place: str) -> str:
    """Return the data URL of a picture, which it must be: nothing is fetched from elsewhere."""
    param = f"{place}.image_url.url"
    url = part.image_url.url if isinstance(part.image_url, Image) else part.image_url
    if url is None:
        raise _wrong(f"{place}.image_url", 'expected {"url": "data:image/jpeg;base64,..."}')
    if not url.startswith("data:"):
        raise _wrong(
            param,
            "this service fetches nothing from other places: send the picture itself, as "
            f"data:image/jpeg;base64,..., not {url[:60]!r}",
        )
    image_file(url, param)
    return url


def _check_pictures(files: tuple[bytes, ...]) -> None:
    for number, file in enumerate(files, start=1):
        try:
            read_picture(file)
        except UnreadableMediaError as error:
            raise _wrong("messages", f"picture {number} of {len(files)}: {error}") from error


def _told(error: ValidationError) -> ProblemError:
    told = invalid_field_error(error, drop=TAGS)
    message = "expected a JSON object" if told.param is None else told.message
    return ProblemError(400, message, code=told.code, param=told.param)


def _wrong(param: str, told: str) -> ProblemError:
    return ProblemError(400, f"{param}: {told}", code="invalid_value", param=param)
