"""The messages of clients of the OpenAI Realtime protocol: parsed, checked, told apart by "type".

What a session is configured with lives in `session_config`; what a message does, in `protocol`.

Source: the OpenAI Realtime API (GA), as openai 3.54.0's types describe it.
"""

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from web.errors import WebError
from web.protocol.generation_messages import (
    GenerationUpdate,
    PromptSet,
    TrackAppend,
    TrackClear,
)
from web.protocol.message import Message

ID_LENGTH = 64  # characters of an id that a client chooses


class ProtocolError(WebError):
    """A message cannot be obeyed; it becomes an `error` event, and the connection stays open."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_value",
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.event_id = event_id


class SessionUpdate(Message):
    type: Literal["session.update"]
    session: dict[str, Any]


class AudioAppend(Message):
    type: Literal["input_audio_buffer.append"]
    audio: str


class AudioCommit(Message):
    type: Literal["input_audio_buffer.commit"]


class AudioClear(Message):
    type: Literal["input_audio_buffer.clear"]


class OutputClear(Message):
    type: Literal["output_audio_buffer.clear"]


class VideoAppend(Message):
    """A picture that the session sees: base64 of a JPEG, PNG or WebP file, or a data URL of it.

    `time` is in seconds of the session; without, it is when the message comes.
    """

    type: Literal["eyeline.video.append"]
    image: str
    time: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False)


class Part(BaseModel):
    """A piece of a message item: text, a picture as a URL, or words that go with sound."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["input_text", "input_image", "input_audio", "output_text", "output_audio", "text"]
    text: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    audio: str | None = None
    transcript: str | None = None


ItemId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH)]


class MessageItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["message"]
    id: ItemId | None = None
    role: Literal["user", "assistant", "system"]
    content: list[Part] = Field(min_length=1, max_length=64)


class CallItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["function_call"]
    id: ItemId | None = None
    call_id: str | None = None
    name: str
    arguments: str


class CallOutputItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["function_call_output"]
    id: ItemId | None = None
    call_id: str
    output: str


GivenItem = Annotated[MessageItem | CallItem | CallOutputItem, Field(discriminator="type")]


class ItemCreate(Message):
    type: Literal["conversation.item.create"]
    item: GivenItem
    previous_item_id: str | None = None


class ItemRetrieve(Message):
    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemDelete(Message):
    type: Literal["conversation.item.delete"]
    item_id: str


class ItemTruncate(Message):
    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: int = Field(ge=0)


class ResponseWish(BaseModel):
    """What one response should be like, where that differs from the session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation: str = "auto"
    output_modalities: list[Literal["text", "audio"]] | None = Field(
        None, min_length=1, max_length=1
    )
    instructions: str | None = None
    input: list[dict[str, Any]] | None = Field(None, max_length=64)
    metadata: dict[str, str] | None = Field(None, max_length=16)


class ResponseCreate(Message):
    type: Literal["response.create"]
    response: ResponseWish | None = None


class ResponseCancel(Message):
    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputClear
    | VideoAppend
    | PromptSet
    | TrackAppend
    | TrackClear
    | GenerationUpdate
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
_EVENTS: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])
_ITEM: TypeAdapter[MessageItem | CallItem | CallOutputItem] = TypeAdapter(GivenItem)
TYPES = tuple(
    sorted(get_args(event.model_fields["type"].annotation)[0] for event in get_args(ClientEvent))
)


def parse(text: str) -> ClientEvent:
    """Return the event that `text` holds.

    Raises:
        ProtocolError: it is not a JSON object, its type is unknown, or a field is wrong.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            "expected a JSON object with a `type`; sound goes base64-encoded into the `audio` of "
            "`input_audio_buffer.append`",
            code="invalid_json",
        ) from error
    if not isinstance(raw, dict):
        raise ProtocolError(f"expected a JSON object, got {_kind(raw)}", code="invalid_json")
    event_id = raw.get("event_id") if isinstance(raw.get("event_id"), str) else None
    kind = raw.get("type")
    if kind not in TYPES:
        told = "missing `type`" if kind is None else f"unknown type {str(kind)[:80]!r}"
        raise ProtocolError(
            f"{told}: expected one of {', '.join(TYPES)}", param="type", event_id=event_id
        )
    try:
        return _EVENTS.validate_python(raw)
    except ValidationError as error:
        raise invalid_field_error(error, drop=(str(kind),), event_id=event_id) from error


def parse_item(raw: dict[str, Any], param: str) -> MessageItem | CallItem | CallOutputItem:
    """Return the item that `raw` describes.

    Raises:
        ProtocolError: it is none; `param` begins the name of the field that is wrong.
    """
    try:
        return _ITEM.validate_python(raw)
    except ValidationError as error:
        raise invalid_field_error(error, prefix=param) from error


def image_file(text: str, param: str) -> bytes:
    """Return the file in `text`: a data URL with base64, or base64 alone.

    Raises:
        ProtocolError: it is neither.
    """
    head, comma, body = text.partition(",")
    if comma and not (head.startswith("data:image/") and head.endswith(";base64")):
        raise ProtocolError(
            f"{param}: expected data:image/...;base64,..., got {head[:40]!r}", param=param
        )
    try:
        return base64.b64decode(body if comma else text, validate=True)
    except ValueError as error:
        raise ProtocolError(f"{param}: not base64: {error}", param=param) from error


def invalid_field_error(
    error: ValidationError,
    *,
    prefix: str = "",
    drop: Sequence[str] = (),
    event_id: str | None = None,
) -> ProtocolError:
    """Return the first problem of `error` with the path of its field, less the names in `drop`.

    Tags of unions are part of pydantic's paths, and a client never wrote them.
    """
    problem = error.errors(include_url=False)[0]
    tags = {*drop, "message", "function_call", "function_call_output"}
    steps = [step for step in problem["loc"] if step not in tags]
    path = prefix
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    code = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}.get(
        problem["type"], "invalid_value"
    )
    reason = problem["msg"].removeprefix("Value error, ")
    told = f"{path}: {reason}" if path else reason
    return ProtocolError(told, code=code, param=path or None, event_id=event_id)


def _kind(value: object) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
