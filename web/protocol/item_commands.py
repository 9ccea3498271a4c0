"""Client events that create, retrieve, delete and truncate conversation items."""

from web.protocol import speech_input
from web.protocol.client_events.messages import (
    FunctionCallOutputItem,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    ProtocolError,
)
from web.protocol.items import item_from_client
from web.protocol.session_config import TranscriptionConfig
from web.protocol.state import ConversationState


def create(state: ConversationState, event: ItemCreate) -> None:
    """Add an item to the conversation.

    Raises:
        ProtocolError: the item cannot be inserted, it is the output of a call that is not there,
            or this is a transcription session.
    """
    if isinstance(state.config, TranscriptionConfig):
        raise ProtocolError("a transcription session has no items but speech", param="type")
    item = item_from_client(event.item, state.new_id("item"))
    if isinstance(event.item, FunctionCallOutputItem) and not state.items.has_call(item["call_id"]):
        raise ProtocolError(
            f"no call {event.item.call_id[:80]!r} in this conversation",
            code="function_call_not_found",
            param="item.call_id",
        )
    previous = state.items.insert(item, event.previous_item_id)
    state.send_event("conversation.item.added", item=item, previous_item_id=previous)
    state.send_event("conversation.item.done", item=item, previous_item_id=previous)
    speech_input.trim_items(state)


def retrieve(state: ConversationState, event: ItemRetrieve) -> None:
    """Send an item as it is now.

    Raises:
        ProtocolError: there is no such item.
    """
    item = state.items.find(event.item_id, "item_id")
    state.send_event("conversation.item.retrieved", item=item)


def delete(state: ConversationState, event: ItemDelete) -> None:
    """Delete an item.

    Raises:
        ProtocolError: there is no such item.
    """
    state.items.remove(event.item_id)
    state.speech_ms.pop(event.item_id, None)
    state.send_event("conversation.item.deleted", item_id=event.item_id)


def truncate(state: ConversationState, event: ItemTruncate) -> None:
    """Cut a spoken answer at what was played; its transcript is removed, as it may go further.

    Raises:
        ProtocolError: the item is not a spoken answer, or is shorter than that.
    """
    item = state.items.find(event.item_id, "item_id")
    speech_ms = state.speech_ms.get(event.item_id)
    if speech_ms is None:
        raise ProtocolError("only an answer that was spoken can be truncated", param="item_id")
    if event.content_index != 0:
        raise ProtocolError("content_index: expected 0, the only part", param="content_index")
    if event.audio_end_ms > speech_ms:
        raise ProtocolError(
            f"audio_end_ms: the answer has {speech_ms} ms of audio, less than {event.audio_end_ms}",
            param="audio_end_ms",
        )
    state.speech_ms[event.item_id] = event.audio_end_ms
    content = [{"type": "output_audio", "transcript": None}]
    state.items.replace(item | {"content": content})
    if state.response is not None and state.response.item_id == event.item_id:
        state.response.truncated = True
    state.send_event(
        "conversation.item.truncated",
        item_id=event.item_id,
        content_index=0,
        audio_end_ms=event.audio_end_ms,
    )
