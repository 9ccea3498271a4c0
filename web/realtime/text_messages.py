"""Messages of a client to events with decoded images, and events to messages.

What is long is done on a worker; images are decoded in processes of their own.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from media.errors import UnreadableMediaError
from media.images.decoder import ImageDecoder, Pixels
from media.images.look_file import LookFile
from media.worker import Worker
from web.access.rates import RATE_LIMITED, RateLimitedError
from web.protocol.client_events.generation_messages import LookSet, PromptSet
from web.protocol.client_events.messages import ItemCreate, ProtocolError, ResponseCreate
from web.protocol.client_events.received import ReceivedMessage, receive
from web.protocol.state import Event

# What takes over a millisecond or so to read or to write.
LONG_MESSAGE = 16_384  # characters
MANY_VALUES = 200
COSTLY = (ItemCreate, LookSet, PromptSet, ResponseCreate)


async def parse_message(
    text: str, worker: Worker, decoder: ImageDecoder, count: Callable[[], object]
) -> tuple[ReceivedMessage, Sequence[Pixels | LookFile]]:
    """Return the message in `text`, and its images decoded.

    `count` is called for one that costs as much as a request; it raises RateLimitedError.

    Raises:
        ProtocolError: it is not a client event, an image in it cannot be read, or there were too
            many.
    """
    message = await worker.run(receive, text) if takes_long(text) else receive(text)
    if isinstance(message.event, COSTLY):
        try:
            count()
        except RateLimitedError as error:
            id = message.event.event_id
            raise ProtocolError(error.detail, code=RATE_LIMITED, event_id=id) from error
    images: list[Pixels | LookFile] = []
    for image in message.images:
        try:
            plan = image.plan
            read = decoder.read(image.file) if plan is None else decoder.read_look(image.file, plan)
            images.append(await read)
        except UnreadableMediaError as error:
            raise image.error(error, message.event.event_id) from error
    return message, images


async def event_text(event: Event, worker: Worker) -> str:
    """Return `event` as JSON, in ASCII."""
    if _cost(event) > LONG_MESSAGE:
        return await worker.run(json.dumps, event)
    return json.dumps(event)


def takes_long(text: str) -> bool:
    """Whether the message in `text` takes too long to handle on an event loop."""
    return len(text) > LONG_MESSAGE or text.count(",") > MANY_VALUES


def _cost(value: Any) -> int:
    """Return about how many characters of one text take as long to write as `value` does."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(map(_cost, value.values()))
        case list() | tuple():
            return sum(map(_cost, value))
        case _:
            return LONG_MESSAGE // MANY_VALUES
