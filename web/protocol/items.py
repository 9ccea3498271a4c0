"""The items of a conversation, in order and bounded in number and size.

An item is kept as the dictionary that clients get, and never changed in place, because events
that wait to be sent refer to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from web.protocol.client_events.messages import (
    FunctionCallItem,
    FunctionCallOutputItem,
    ItemContentPart,
    MessageItem,
    ProtocolError,
    image_file,
)

Item = dict[str, Any]

MAX_ITEMS = 1000
MAX_PICTURES = 8  # of one question
MAX_CHARACTERS = 32 * 1024 * 1024  # of all items; pictures are base64 text
ROOT = "root"  # `previous_item_id` of an item that goes first


@dataclass(frozen=True, slots=True)
class ItemPicture:
    """A picture of an item: part `index` of its content, as a data URL."""

    item_id: str
    index: int
    url: str

    @property
    def file(self) -> bytes:
        return image_file(self.url, "image_url")


@dataclass(slots=True)
class ItemList:
    """Items by id, and their ids in the order of the conversation; `size` is in characters.

    `english` has what was said in another language, of items that are speech.
    """

    order: list[str] = field(default_factory=list)
    by_id: dict[str, Item] = field(default_factory=dict)
    english: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def insert(self, item: Item, after: str | None) -> str | None:
        """Insert `item` after the item `after`, or last if that is None; return its predecessor.

        Raises:
            ProtocolError: the item's id is in use, or `after` is unknown.
        """
        if item["id"] in self.by_id:
            raise ProtocolError(
                f"item {item['id']!r} exists already",
                code="item_create_duplicate",
                param="item.id",
            )
        if after is None:
            index = len(self.order)
        elif after == ROOT:
            index = 0
        else:
            index = self.order.index(self.find(after, "previous_item_id")["id"]) + 1
        self.order.insert(index, item["id"])
        self.by_id[item["id"]] = item
        self.size += _size(item)
        return self.order[index - 1] if index else None

    def remove(self, id: str) -> None:
        """Remove item `id`.

        Raises:
            ProtocolError: there is none.
        """
        self.size -= _size(self.find(id, "item_id"))
        del self.by_id[id]
        self.english.pop(id, None)
        self.order.remove(id)

    def replace(self, item: Item) -> None:
        """Replace the item with the id of `item`, unless it was deleted."""
        old = self.by_id.get(item["id"])
        if old is not None:
            self.by_id[item["id"]] = item
            self.size += _size(item) - _size(old)

    def find(self, id: str, param: str) -> Item:
        """Return item `id`.

        Raises:
            ProtocolError: there is none; it names the field `param`.
        """
        item = self.by_id.get(id)
        if item is None:
            raise ProtocolError(
                f"no item {id[:80]!r} in this conversation", code="item_not_found", param=param
            )
        return item

    def has_call(self, call_id: str) -> bool:
        """Return whether a function was called with this id."""
        return any(
            item["type"] == "function_call" and item.get("call_id", item["id"]) == call_id
            for item in self.by_id.values()
        )

    def before(self, id: str) -> str | None:
        """Return the id of the item before item `id`, None if it is the first."""
        index = self.order.index(id)
        return self.order[index - 1] if index else None

    def over_limit(self) -> Sequence[str]:
        """Return the ids of the oldest items that must go to meet the limits."""
        size, count = self.size, len(self.order)
        ids = []
        for id in self.order[:-1]:
            if size <= MAX_CHARACTERS and count <= MAX_ITEMS:
                break
            ids.append(id)
            size -= _size(self.by_id[id])
            count -= 1
        return ids

    def last_user_message(self) -> Item | None:
        for id in reversed(self.order):
            if self.by_id[id].get("role") == "user":
                return self.by_id[id]
        return None

    def pictures_of(self, message: Item | None, *, live: bool) -> tuple[ItemPicture, ...]:
        """Return the pictures of a question, the newest `MAX_PICTURES`.

        They are those in `message` and in the user's messages before it. If the session gets
        `live` video, only messages since the last answer count.
        """
        order = list(self.order)
        if message is not None and message["id"] in self.by_id:
            order = order[: order.index(message["id"])]
        pictures = [] if message is None else _pictures(message)
        for id in reversed(order):
            item = self.by_id[id]
            if live and item.get("role") == "assistant":
                break
            if item.get("role") == "user":
                pictures = _pictures(item) + pictures
        return tuple(pictures[-MAX_PICTURES:])


def item_from_client(
    item: MessageItem | FunctionCallItem | FunctionCallOutputItem, id: str
) -> Item:
    """Return the item that a client sent, with the id `id` if it has none.

    Raises:
        ProtocolError: its parts do not fit its role.
    """
    head: Item = {"id": item.id or id, "object": "realtime.item", "type": item.type}
    if isinstance(item, MessageItem):
        content = [_content_part(part, item.role) for part in item.content]
        return head | {"status": "completed", "role": item.role, "content": content}
    body = item.model_dump(exclude={"id", "type"}, exclude_none=True)
    return head | {"status": "completed"} | body


def speech_item(id: str, transcript: str | None = None) -> Item:
    """Return the item of a turn of speech; `transcript` is None until it is known."""
    return {
        "id": id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": transcript}],
    }


def question_text(message: Item) -> str | None:
    """Return the text of a user's message; None while a transcript is missing."""
    texts = []
    for part in message["content"]:
        if part["type"] == "input_audio":
            if part["transcript"] is None:
                return None
            texts.append(part["transcript"])
        elif part["type"] == "input_text":
            texts.append(part["text"])
    return " ".join(texts)


def _pictures(message: Item) -> list[ItemPicture]:
    return [
        ItemPicture(message["id"], index, part["image_url"])
        for index, part in enumerate(message["content"])
        if part["type"] == "input_image"
    ]


def _content_part(part: ItemContentPart, role: str) -> dict[str, Any]:
    type = "output_text" if part.type == "text" and role == "assistant" else part.type
    type = "input_text" if type == "text" else type
    if part.type == "input_audio":
        raise ProtocolError(
            "audio in an item is not transcribed here: send it by input_audio_buffer.append",
            param="item.content",
        )
    if type.startswith("output_") != (role == "assistant"):
        raise ProtocolError(
            f"item.content: {part.type} does not go with role {role!r}", param="item.content"
        )
    if type == "input_image":
        return {"type": type, "image_url": part.image_url, "detail": part.detail or "auto"}
    if type == "output_audio":
        return {"type": type, "transcript": part.transcript}
    if part.text is None:
        raise ProtocolError(
            "item.content: a text part needs `text`",
            code="missing_required_parameter",
            param="item.content",
        )
    return {"type": type, "text": part.text}


def _size(item: Item) -> int:
    parts = item.get("content", ())
    return sum(len(str(value)) for part in parts for value in part.values()) + sum(
        len(str(item.get(name, ""))) for name in ("arguments", "output")
    )
