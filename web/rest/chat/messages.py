"""The messages of a chat completion request, as items of a conversation."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from web.problems import ProblemError
from web.protocol.client_events.messages import image_file
from web.protocol.items import MAX_PICTURES, Item, ItemList

TEXT_PARTS = ("text", "input_text", "output_text", "refusal")


class LenientModel(BaseModel):
    """Ignores unknown fields: clients send what OpenAI's API takes now or later."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ImageUrl(LenientModel):
    url: str


class ContentPart(LenientModel):
    type: str
    text: str | None = None
    image_url: ImageUrl | str | None = None


class ToolCallFunction(LenientModel):
    name: str
    arguments: str = "{}"


class ToolCall(LenientModel):
    id: str
    function: ToolCallFunction


class ChatMessage(LenientModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


def instructions_of(messages: Sequence[ChatMessage]) -> str:
    """Return the text of the messages of the system and the developer."""
    told = [each for each in messages if each.role in ("system", "developer")]
    return "\n".join(filter(None, map(_text, told)))


def conversation_items(messages: Sequence[ChatMessage]) -> ItemList:
    """Return the messages of the user and the assistant, calls and outputs as items.

    Raises:
        ProblemError, ProtocolError: a part of a message is not taken.
    """
    items = ItemList()
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if message.role == "tool":
            items.insert(_output_item(message, place), None)
        elif message.role in ("user", "assistant"):
            items.insert(_message_item(message, f"{place}.content"), None)
            for index, call in enumerate(message.tool_calls or ()):
                items.insert(_call_item(call, f"{place}.tool_calls[{index}]"), None)
    return items


def _message_item(message: ChatMessage, place: str) -> Item:
    parts = _parts(message, place)
    images = sum(part["type"] == "input_image" for part in parts)
    if images > MAX_PICTURES:
        raise invalid_value(
            place, f"a message may have at most {MAX_PICTURES} images, this one has {images}"
        )
    return {"id": place, "type": "message", "role": message.role, "content": parts}


def _call_item(call: ToolCall, place: str) -> Item:
    function = call.function.model_dump()
    return {"id": place, "type": "function_call", "call_id": call.id, **function}


def _output_item(message: ChatMessage, place: str) -> Item:
    if message.tool_call_id is None:
        raise invalid_value(f"{place}.tool_call_id", "expected the id of the call")
    type = "function_call_output"
    return {"id": place, "type": type, "call_id": message.tool_call_id, "output": _text(message)}


def _text(message: ChatMessage) -> str:
    """Return the text of `message`, without what else is in it."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return " ".join(part.text for part in message.content if part.text)


def _parts(message: ChatMessage, place: str) -> list[dict[str, Any]]:
    if message.content is None or isinstance(message.content, str):
        return [{"type": "input_text", "text": message.content or ""}]
    return [_part(part, f"{place}[{index}]") for index, part in enumerate(message.content)]


def _part(part: ContentPart, place: str) -> dict[str, Any]:
    if part.type == "image_url":
        return {"type": "input_image", "image_url": _image_url(part, place)}
    if part.type not in TEXT_PARTS:
        raise invalid_value(
            f"{place}.type",
            f"expected text or image_url, got {part.type[:40]!r}",
        )
    return {"type": "input_text", "text": part.text or ""}


def _image_url(part: ContentPart, place: str) -> str:
    """Return the data URL of an image. Other URLs are refused: the service fetches nothing."""
    param = f"{place}.image_url.url"
    url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
    if url is None:
        raise invalid_value(f"{place}.image_url", 'expected {"url": "data:image/jpeg;base64,..."}')
    if not url.startswith("data:"):
        raise invalid_value(
            param,
            "this service fetches no URLs: send the image itself, as "
            f"data:image/jpeg;base64,..., not {url[:60]!r}",
        )
    image_file(url, param)
    return url


def invalid_value(param: str, message: str) -> ProblemError:
    """Return the problem of a wrong value of the field `param`."""
    return ProblemError(400, f"{param}: {message}", code="invalid_value", param=param)
