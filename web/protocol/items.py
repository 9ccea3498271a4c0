"""The items of a conversation, in order, bounded: what was said, shown and answered.

An item is kept in the shape in which clients get it, and never changed in place: events that
wait to be sent hold it too. Pure: leaves events to web.protocol.state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from media.errors import UnreadableMediaError
from media.images import read_image
from web.protocol.messages import (
    CallItem,
    CallOutputItem,
    MessageItem,
    Part,
    ProtocolError,
    image_file,
)

Item = dict[str, Any]

MAX_ITEMS = 1000
MAX_PICTURES = 8  # that a question is about
MAX_CHARACTERS = 32 * 1024 * 1024  # pictures come as text: base64
ROOT = "root"  # `previous_item_id` of an item that goes first


@dataclass(slots=True)
class ItemList:
    """Items by id, and their ids in the order of the conversation."""

    order: list[str] = field(default_factory=list)
    by_id: dict[str, Item] = field(default_factory=dict)
    size: int = 0  # characters in all

    def last(self) -> str | None:
        return self.order[-1] if self.order else None


def insert(items: ItemList, item: Item, after: str | None) -> str | None:
    """Put `item` after the item `after`, at the end where that is None; return the one before it.

    Raises:
        ProtocolError: the item's id is taken, or `after` is unknown.
    """
    if item["id"] in items.by_id:
        raise ProtocolError(
            f"item {item['id']!r} exists already", code="item_create_duplicate", param="item.id"
        )
    if after is None:
        place = len(items.order)
    elif after == ROOT:
        place = 0
    else:
        place = items.order.index(find(items, after, "previous_item_id")["id"]) + 1
    items.order.insert(place, item["id"])
    items.by_id[item["id"]] = item
    items.size += _size(item)
    return items.order[place - 1] if place else None


def remove(items: ItemList, id: str) -> None:
    """Forget item `id`.

    Raises:
        ProtocolError: there is none.
    """
    items.size -= _size(find(items, id, "item_id"))
    del items.by_id[id]
    items.order.remove(id)


def replace(items: ItemList, item: Item) -> None:
    """Put `item` in the place of the one with its id; nothing happens where that was deleted."""
    old = items.by_id.get(item["id"])
    if old is not None:
        items.by_id[item["id"]] = item
        items.size += _size(item) - _size(old)


def find(items: ItemList, id: str, param: str) -> Item:
    """Return item `id`.

    Raises:
        ProtocolError: there is none.
    """
    item = items.by_id.get(id)
    if item is None:
        raise ProtocolError(
            f"no item {id[:80]!r} in this conversation", code="item_not_found", param=param
        )
    return item


def surplus(items: ItemList) -> Sequence[str]:
    """Return the ids of the oldest items, as many as must go to be within bounds."""
    size, count = items.size, len(items.order)
    gone = []
    for id in items.order[:-1]:
        if size <= MAX_CHARACTERS and count <= MAX_ITEMS:
            break
        gone.append(id)
        size -= _size(items.by_id[id])
        count -= 1
    return gone


def given(wish: MessageItem | CallItem | CallOutputItem, id: str) -> Item:
    """Return the item that a client described, completed with `id` where it has none.

    Raises:
        ProtocolError: its parts do not fit its role.
    """
    head: Item = {"id": wish.id or id, "object": "realtime.item", "type": wish.type}
    if isinstance(wish, MessageItem):
        content = [_part(part, wish.role) for part in wish.content]
        return head | {"status": "completed", "role": wish.role, "content": content}
    body = wish.model_dump(exclude={"id", "type"}, exclude_none=True)
    return head | {"status": "completed"} | body


def heard(id: str, transcript: str | None = None) -> Item:
    """Return the item of a turn of speech; `transcript` is None while it is still to come."""
    return {
        "id": id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": transcript}],
    }


def question_text(item: Item) -> str | None:
    """Return what a user's message asks, in words; None where that is not known yet."""
    words = []
    for part in item["content"]:
        if part["type"] == "input_audio":
            if part["transcript"] is None:
                return None
            words.append(part["transcript"])
        elif part["type"] == "input_text":
            words.append(part["text"])
    return " ".join(words)


def question_pictures(items: ItemList, asked: Item | None, *, live: bool) -> tuple[bytes, ...]:
    """Return the files of the pictures that a question is about, the newest `MOST_PICTURES`.

    These are the ones in the message `asked`, and in those of the user before it. Where the
    session sees a `live` stream, those before the last answer are passed over.
    """
    order = list(items.order)
    if asked is not None and asked["id"] in items.by_id:
        order = order[: order.index(asked["id"])]
    found = [] if asked is None else _files(asked)
    for id in reversed(order):
        item = items.by_id[id]
        if live and item.get("role") == "assistant":
            break
        if item.get("role") == "user":
            found = _files(item) + found
    return tuple(found[-MAX_PICTURES:])


def _files(item: Item) -> list[bytes]:
    urls = [p["image_url"] for p in item["content"] if p["type"] == "input_image"]
    return [image_file(url, "item.content") for url in urls]


def last_user_message(items: ItemList) -> Item | None:
    """Return the newest message of the user."""
    for id in reversed(items.order):
        if items.by_id[id].get("role") == "user":
            return items.by_id[id]
    return None


def _part(part: Part, role: str) -> dict[str, Any]:
    kind = "output_text" if part.type == "text" and role == "assistant" else part.type
    kind = "input_text" if kind == "text" else kind
    if part.type == "input_audio":
        raise ProtocolError(
            "sound in an item is not transcribed here: send it by input_audio_buffer.append",
            param="item.content",
        )
    if kind.startswith("output_") != (role == "assistant"):
        raise ProtocolError(
            f"item.content: {part.type} does not go with role {role!r}", param="item.content"
        )
    if kind == "input_image":
        return _picture(part)
    if kind == "output_audio":
        return {"type": kind, "transcript": part.transcript}
    if part.text is None:
        raise ProtocolError(
            "item.content: a text part needs `text`",
            code="missing_required_parameter",
            param="item.content",
        )
    return {"type": kind, "text": part.text}


def _picture(part: Part) -> dict[str, Any]:
    url = part.image_url or ""
    if not url.startswith("data:image/"):
        raise ProtocolError(
            "item.content: expected `image_url` to be a data URL, data:image/...;base64,...",
            param="item.content",
        )
    try:
        read_image(image_file(url, "item.content"))
    except UnreadableMediaError as error:
        raise ProtocolError(f"item.content: {error}", param="item.content") from error
    return {"type": "input_image", "image_url": part.image_url, "detail": part.detail or "auto"}


def _size(item: Item) -> int:
    parts = item.get("content", ())
    return sum(len(str(value)) for part in parts for value in part.values()) + sum(
        len(str(item.get(name, ""))) for name in ("arguments", "output")
    )
