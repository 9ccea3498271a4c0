"""The seeing half of the protocol: pictures from the client, and what was seen and remembered.

What is said here are the service's own events: only a client that wants them gets them.
"""

import base64
from typing import Any

from media.errors import UnreadableMediaError
from media.events import Evidence, Relevance, Remembered, StandingRequests
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.images import read_image
from models.assistant.interface import Moment
from web.protocol.messages import ProtocolError, VideoAppend, image_file
from web.protocol.state import Dialogue, say


def append(dialogue: Dialogue, event: VideoAppend, now: float) -> None:
    """See a picture of the client, at its own time or at `now`, seconds of the session.

    Raises:
        ProtocolError: it cannot be read, or is older than the last one.
    """
    time = max(now, dialogue.seen) if event.time is None else event.time
    if time < dialogue.seen:
        raise ProtocolError(
            f"time: pictures come in order, and {dialogue.seen:.3f} s was seen already",
            param="time",
        )
    try:
        pixels = read_image(image_file(event.image, "image"))
    except UnreadableMediaError as error:
        raise ProtocolError(f"image: {error}", param="image") from error
    see(dialogue, VideoFrame(pixels, round(time * VIDEO_CLOCK_HZ)))


def see(dialogue: Dialogue, frame: VideoFrame) -> None:
    """See the next picture of the session."""
    dialogue.seen = max(dialogue.seen, frame.time)
    dialogue.inputs.append(frame)


def remembered(dialogue: Dialogue, output: Remembered) -> None:
    """Say that a moment is remembered, with a small picture of it."""
    if dialogue.own_events:
        image = None if output.picture is None else data_url(output.picture)
        say(dialogue, "eyeline.memory.moment", **moment_fields(output.moment), image=image)


def evidence(dialogue: Dialogue, output: Evidence) -> None:
    """Say what the answer in progress is made from."""
    response = dialogue.response
    if dialogue.own_events and response is not None and response.question == output.id:
        say(
            dialogue,
            "eyeline.answer.evidence",
            response_id=response.id,
            item_id=response.item_id,
            moments=[moment_fields(moment) for moment in output.moments],
        )


def relevance(dialogue: Dialogue, output: Relevance) -> None:
    """Say which parts of the picture matter."""
    if dialogue.own_events:
        rows = [[round(float(value), 3) for value in row] for row in output.values]
        say(dialogue, "eyeline.relevance", time=output.time, about=output.about, values=rows)


def standing(dialogue: Dialogue, output: StandingRequests) -> None:
    """Say which requests to be told something stand."""
    if dialogue.own_events:
        say(dialogue, "eyeline.requests", requests=list(output.requests))


def moment_fields(moment: Moment) -> dict[str, Any]:
    """Return a moment as JSON; its time is in seconds of the session."""
    return {"number": moment.number, "time": round(moment.time, 3), "text": moment.text}


def data_url(jpeg: bytes) -> str:
    """Return a JPEG file as a URL that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
