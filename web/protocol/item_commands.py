"""What a client does to the items of its conversation."""

from web.protocol import speech_input as hearing
from web.protocol.items import find, given, insert, remove, replace
from web.protocol.messages import (
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    ProtocolError,
)
from web.protocol.session_config import TranscriptionConfig
from web.protocol.state import Dialogue, name, say


def create(dialogue: Dialogue, event: ItemCreate) -> None:
    """Add an item to the conversation.

    Raises:
        ProtocolError: it cannot be placed, or the session has none.
    """
    if isinstance(dialogue.terms, TranscriptionConfig):
        raise ProtocolError("a transcription session has no items but speech", param="type")
    item = given(event.item, name(dialogue, "item"))
    previous = insert(dialogue.items, item, event.previous_item_id)
    say(dialogue, "conversation.item.added", item=item, previous_item_id=previous)
    say(dialogue, "conversation.item.done", item=item, previous_item_id=previous)
    hearing.trim(dialogue)


def retrieve(dialogue: Dialogue, event: ItemRetrieve) -> None:
    """Say an item as it is now.

    Raises:
        ProtocolError: there is no such item.
    """
    item = find(dialogue.items, event.item_id, "item_id")
    say(dialogue, "conversation.item.retrieved", item=item)


def delete(dialogue: Dialogue, event: ItemDelete) -> None:
    """Forget an item.

    Raises:
        ProtocolError: there is no such item.
    """
    remove(dialogue.items, event.item_id)
    dialogue.spoken.pop(event.item_id, None)
    say(dialogue, "conversation.item.deleted", item_id=event.item_id)


def truncate(dialogue: Dialogue, event: ItemTruncate) -> None:
    """Forget what was not heard of an answer: its words go too, as they may say more.

    Raises:
        ProtocolError: it is not an answer that was spoken, or not as long.
    """
    item = find(dialogue.items, event.item_id, "item_id")
    spoken = dialogue.spoken.get(event.item_id)
    if spoken is None:
        raise ProtocolError("only an answer that was spoken can be truncated", param="item_id")
    if event.content_index != 0:
        raise ProtocolError("content_index: expected 0, the only part", param="content_index")
    if event.audio_end_ms > spoken:
        raise ProtocolError(
            f"audio_end_ms: the answer has {spoken} ms of sound, less than {event.audio_end_ms}",
            param="audio_end_ms",
        )
    dialogue.spoken[event.item_id] = event.audio_end_ms
    replace(dialogue.items, item | {"content": [{"type": "output_audio", "transcript": None}]})
    say(
        dialogue,
        "conversation.item.truncated",
        item_id=event.item_id,
        content_index=0,
        audio_end_ms=event.audio_end_ms,
    )
