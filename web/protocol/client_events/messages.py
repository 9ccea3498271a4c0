"""Parses client events of the OpenAI Realtime protocol into models, by their "type".

The session's configuration is in `session_config`; what an event does, in `protocol`.

Source: the OpenAI Realtime API (GA), as openai 3.54.0's types describe it.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from web.errors import WebError
from web.protocol.client_events.encoded import decode_base64, parse_json
from web.protocol.client_events.generation_messages import (
    GenerationUpdate,
    LookDelete,
    LookSet,
    PromptSet,
    SpeakerName,
    TrackAppend,
    TrackClear,
)
from web.protocol.client_events.message import ClientMessage
from web.protocol.client_events.tools import MaxTokens, ToolChoice, Tools

MAX_ID_LENGTH = 64  # characters of an id that a client chooses


class ProtocolError(WebError):
    """A client event is invalid: the client gets an `error` event, the connection stays open."""

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


class SessionUpdate(ClientMessage):
    type: Literal["session.update"]
    session: dict[str, Any]


class AudioAppend(ClientMessage):
    type: Literal["input_audio_buffer.append"]
    audio: str


class AudioCommit(ClientMessage):
    type: Literal["input_audio_buffer.commit"]


class AudioClear(ClientMessage):
    type: Literal["input_audio_buffer.clear"]


class OutputClear(ClientMessage):
    type: Literal["output_audio_buffer.clear"]


class VideoAppend(ClientMessage):
    """A video frame: an image file as base64 or as a data URL.

    `time` is in seconds of the session; by default, it is when the message arrives.
    """

    type: Literal["eyeline.video.append"]
    image: str
    time: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False)


class ItemContentPart(BaseModel):
    """A part of a message item: text, a picture as a URL, or a transcript of audio."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["input_text", "input_image", "input_audio", "output_text", "output_audio", "text"]
    text: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    audio: str | None = None
    transcript: str | None = None


ItemId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class MessageItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["message"]
    id: ItemId | None = None
    role: Literal["user", "assistant", "system"]
    content: list[ItemContentPart] = Field(min_length=1, max_length=64)


class FunctionCallItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["function_call"]
    id: ItemId | None = None
    call_id: str | None = None
    name: str
    arguments: str


class FunctionCallOutputItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["function_call_output"]
    id: ItemId | None = None
    call_id: str
    output: str


ClientItem = Annotated[
    MessageItem | FunctionCallItem | FunctionCallOutputItem, Field(discriminator="type")
]


class ItemCreate(ClientMessage):
    type: Literal["conversation.item.create"]
    item: ClientItem
    previous_item_id: str | None = None


class ItemRetrieve(ClientMessage):
    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemDelete(ClientMessage):
    type: Literal["conversation.item.delete"]
    item_id: str


class ItemTruncate(ClientMessage):
    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: int = Field(ge=0)


class ResponseConfig(BaseModel):
    """The configuration of one response, as far as it differs from the session's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation: str = "auto"
    output_modalities: list[Literal["text", "audio"]] | None = Field(
        None, min_length=1, max_length=1
    )
    instructions: str | None = None
    input: list[dict[str, Any]] | None = Field(None, max_length=64)
    metadata: dict[str, str] | None = Field(None, max_length=16)
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    parallel_tool_calls: bool | None = None


class ResponseCreate(ClientMessage):
    type: Literal["response.create"]
    response: ResponseConfig | None = None


class ResponseCancel(ClientMessage):
    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputClear
    | VideoAppend
    | SpeakerName
    | LookSet
    | LookDelete
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
_ITEM: TypeAdapter[MessageItem | FunctionCallItem | FunctionCallOutputItem] = TypeAdapter(
    ClientItem
)
TYPES = tuple(
    sorted(get_args(event.model_fields["type"].annotation)[0] for event in get_args(ClientEvent))
)


def parse(text: str) -> ClientEvent:
    """Return the client event in `text`.

    Raises:
        ProtocolError: it is not a JSON object, its type is unknown, or a field is wrong.
    """
    try:
        raw = parse_json(text)
    except ValueError as error:
        raise ProtocolError(
            f"expected a JSON object with a `type` ({error}); audio goes base64-encoded into the "
            "`audio` of `input_audio_buffer.append`",
            code="invalid_json",
        ) from error
    if not isinstance(raw, dict):
        raise ProtocolError(f"expected a JSON object, got {_json_type(raw)}", code="invalid_json")
    event_id = raw.get("event_id") if isinstance(raw.get("event_id"), str) else None
    type = raw.get("type")
    if type not in TYPES:
        reason = "missing `type`" if type is None else f"unknown type {str(type)[:80]!r}"
        raise ProtocolError(
            f"{reason}: expected one of {', '.join(TYPES)}", param="type", event_id=event_id
        )
    try:
        return _EVENTS.validate_python(raw)
    except ValidationError as error:
        raise invalid_field_error(error, drop=(str(type),), event_id=event_id) from error


def parse_item(
    raw: dict[str, Any], param: str
) -> MessageItem | FunctionCallItem | FunctionCallOutputItem:
    """Return the item that `raw` describes.

    Raises:
        ProtocolError: it is no item; the field that is wrong is named from `param` on.
    """
    try:
        return _ITEM.validate_python(raw)
    except ValidationError as error:
        raise invalid_field_error(error, prefix=param) from error


def image_file(text: str, param: str) -> bytes:
    """Return the picture file in `text`, which is a data URL or base64.

    Raises:
        ProtocolError: it is neither.
    """
    head, comma, body = text.partition(",")
    if comma and not (head.startswith("data:image/") and head.endswith(";base64")):
        raise ProtocolError(
            f"{param}: expected data:image/...;base64,..., got {head[:40]!r}", param=param
        )
    try:
        return decode_base64(body if comma else text)
    except ValueError as error:
        raise ProtocolError(f"{param}: not base64: {error}", param=param) from error


def invalid_field_error(
    error: ValidationError,
    *,
    prefix: str = "",
    drop: Sequence[str] = (),
    event_id: str | None = None,
) -> ProtocolError:
    """Return the first problem of `error`, with the path of its field after `prefix`.

    Names in `drop` are left out: pydantic's paths have the tags of unions, which no client wrote.
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
    message = f"{path}: {reason}" if path else reason
    return ProtocolError(message, code=code, param=path or None, event_id=event_id)


def _json_type(value: object) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
