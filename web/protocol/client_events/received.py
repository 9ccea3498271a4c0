"""A client's message, parsed: the event, and the images in it, which are still encoded.

A transport parses a message, has its images decoded, and passes both to
`web.protocol.protocol.RealtimeProtocol`, which so does no long work.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from media.images.look_file import LookPlan
from web.protocol.client_events.generation_messages import LookSet
from web.protocol.client_events.messages import (
    ClientEvent,
    FunctionCallItem,
    FunctionCallOutputItem,
    ItemCreate,
    MessageItem,
    ProtocolError,
    ResponseCreate,
    VideoAppend,
    image_file,
    parse,
    parse_item,
)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image file; `place` is the path of its field in the message.

    With a `plan` it becomes a look of video generation.
    """

    place: str
    file: bytes
    plan: LookPlan | None = None

    def error(self, reason: object, event_id: str | None) -> ProtocolError:
        """Return the error of this image in the event `event_id`."""
        return ProtocolError(f"{self.place}: {reason}", param=self.place, event_id=event_id)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A client event and the images in it."""

    event: ClientEvent
    images: tuple[EncodedImage, ...] = ()


def receive(text: str) -> ReceivedMessage:
    """Parse the message `text`.

    Raises:
        ProtocolError: it is not a client event, or an image in it is not base64.
    """
    event = parse(text)
    try:
        return ReceivedMessage(event, tuple(_images(event)))
    except ProtocolError as error:
        error.event_id = event.event_id
        raise


def _images(event: ClientEvent) -> Iterator[EncodedImage]:
    match event:
        case LookSet():
            plan = LookPlan(role=event.role, whole=event.whole, mirrored=event.faces == "right")
            yield EncodedImage("image", image_file(event.image, "image"), plan)
        case VideoAppend():
            yield EncodedImage("image", image_file(event.image, "image"))
        case ItemCreate():
            yield from _item_images(event.item, "item")
        case ResponseCreate() if event.response is not None:
            for index, raw in enumerate(event.response.input or ()):
                if raw.get("type") == "message":
                    place = f"response.input[{index}]"
                    yield from _item_images(parse_item(raw, place), place)
        case _:
            pass


def _item_images(
    item: MessageItem | FunctionCallItem | FunctionCallOutputItem, place: str
) -> Iterator[EncodedImage]:
    if not isinstance(item, MessageItem):
        return
    for index, part in enumerate(item.content):
        if part.type == "input_image":
            field = f"{place}.content[{index}].image_url"
            if not (part.image_url or "").startswith("data:image/"):
                raise ProtocolError(
                    f"{field}: expected a data URL, data:image/...;base64,...", param=field
                )
            assert part.image_url is not None
            yield EncodedImage(field, image_file(part.image_url, field))
