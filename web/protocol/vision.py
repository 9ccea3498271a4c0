"""Video of a conversation: frames from the client, and events about what the session sees.

The events are the service's own: only clients that ask for them get them.
"""

import base64
from typing import Any

from media.dialogue import AnswerNotice
from media.events.answers import Evidence
from media.events.vision import Degraded, Relevance, Remembered, StandingRequests
from media.frames import VIDEO_CLOCK_HZ, Gap, VideoFrame
from media.video import Pixels
from models.assistant.interface import Moment
from web.protocol.client_events.messages import ProtocolError, VideoAppend
from web.protocol.state import ConversationState


def append(state: ConversationState, event: VideoAppend, pixels: Pixels, now: float) -> None:
    """Take a picture from the client as a frame, at its own time or at `now`, in seconds.

    Raises:
        ProtocolError: it is older than the last one.
    """
    time = max(now, state.video_time) if event.time is None else event.time
    if time < state.video_time:
        raise ProtocolError(
            f"time: pictures come in order, and {state.video_time:.3f} s was seen already",
            param="time",
        )
    frame = VideoFrame(pixels, round(time * VIDEO_CLOCK_HZ))
    state.video_time = max(state.video_time, frame.time)
    state.inputs.append(frame)


def send_moment(state: ConversationState, output: Remembered) -> None:
    """Send a moment that went into memory, with a small picture of it."""
    if state.eyeline_events:
        image = None if output.picture is None else data_url(output.picture)
        state.send_event("eyeline.memory.moment", **moment_fields(output.moment), image=image)


def send_evidence(state: ConversationState, output: Evidence) -> None:
    """Send the moments that the answer in progress is based on."""
    response = state.response
    if state.eyeline_events and response is not None and response.question_id == output.id:
        state.send_event(
            "eyeline.answer.evidence",
            response_id=response.id,
            item_id=response.item_id,
            moments=[moment_fields(moment) for moment in output.moments],
            **({"scope": output.scope} if output.scope else {}),
        )


def send_relevance(state: ConversationState, output: Relevance) -> None:
    """Send how relevant each part of a frame is."""
    if state.eyeline_events:
        rows = [[round(float(value), 3) for value in row] for row in output.values]
        sure = output.confidence
        state.send_event(
            "eyeline.relevance",
            time=output.time,
            about=output.about,
            confidence=None if sure is None else round(sure, 3),
            values=rows,
        )


def send_requests(state: ConversationState, output: StandingRequests) -> None:
    if state.eyeline_events:
        state.send_event("eyeline.requests", requests=list(output.requests))


def send_warning(state: ConversationState, output: Degraded | AnswerNotice) -> None:
    """Send what does not work, and what happens instead."""
    state.send_notice(output.message, "warning")


def send_gap(state: ConversationState, output: Gap) -> None:
    """Send that sound or pictures did not arrive."""
    if state.eyeline_events:
        state.send_event(
            "eyeline.gap",
            media=output.media,
            start=round(output.start, 3),
            end=round(output.end, 3),
            concealed=output.concealed,
        )


def moment_fields(moment: Moment) -> dict[str, Any]:
    """Return a moment as JSON; its time is in seconds of the session."""
    return {"number": moment.number, "time": round(moment.time, 3), "text": moment.text}


def data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
