"""The events of a response and its parts."""

import base64
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from web.protocol.items import Item
from web.protocol.session_config import RealtimeConfig
from web.protocol.state import FORMATS, ConversationState, ResponseState

OUTPUT_CLEARED = "output_audio_buffer.cleared"  # the speech on the track ends here
ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


def send_part_event(
    state: ConversationState, type: str, response: ResponseState, **fields: Any
) -> None:
    """Send an event about the only content part of `response`."""
    state.send_event(
        type,
        response_id=response.id,
        item_id=response.item_id,
        output_index=0,
        content_index=0,
        **fields,
    )


def send_response_event(
    state: ConversationState,
    type: str,
    response: ResponseState,
    status: ResponseStatus,
    reason: str | None = None,
) -> None:
    config = state.config
    assert isinstance(config, RealtimeConfig), "only realtime sessions respond"
    output = []
    if response.started and status != "in_progress":
        item_status = "completed" if status == "completed" else "incomplete"
        output.append(response_item(response, item_status, content=[response_content(response)]))
    if status == "completed":
        output += response.calls
    fields = {
        "object": "realtime.response",
        "id": response.id,
        "status": status,
        "status_details": _status_details(status, reason),
        "output": output,
        "conversation_id": state.conversation_id if response.in_conversation else None,
        "output_modalities": ["audio" if response.spoken else "text"],
        "max_output_tokens": response.dialogue.max_tokens or "inf",
        "audio": {
            "output": {
                "format": config.audio.output.format.model_dump(),
                "voice": config.audio.output.voice,
            }
        },
        "usage": None,
        "metadata": response.metadata,
    }
    state.send_event(type, response=fields)


def send_audio(
    state: ConversationState, response: ResponseState, samples: NDArray[np.float32], *, last: bool
) -> None:
    """Send audio in the session's output format; `last` adds what the resampler holds."""
    encoding, rate = FORMATS[response.format]
    resampler = Resampler(response.rate, rate)
    if response.resampler is None:
        response.resampler = resampler.init_state()
    response.resampler, blocks = resampler.step(response.resampler, samples)
    blocks = [*blocks, *resampler.flush(response.resampler)] if last else blocks
    for block in blocks:
        for start in range(0, len(block), rate // 2):  # half a second keeps a message small
            coded = encode_pcm(block[start : start + rate // 2], encoding)
            delta = base64.b64encode(coded).decode()
            send_part_event(state, "response.output_audio.delta", response, delta=delta)


def speech_queued(state: ConversationState, response: ResponseState) -> None:
    """Note that speech of `response` was put on the track, and send it if none plays there."""
    if not state.playing:
        state.send_event("output_audio_buffer.started", response_id=response.id)
    state.playing.setdefault(response.question_id, response.id)


def playback_finished(state: ConversationState, question_id: str) -> None:
    """Send that the speech of an answer was played to its end, and that the next one starts."""
    response_id = state.playing.pop(question_id, None)
    if response_id is None:
        return
    state.send_event("output_audio_buffer.stopped", response_id=response_id)
    if state.playing:
        following = next(iter(state.playing.values()))
        state.send_event("output_audio_buffer.started", response_id=following)


def clear_speech(state: ConversationState) -> None:
    """Send that the speech on the track is cleared; the transport clears it with this event."""
    if state.playing:
        playing = next(iter(state.playing.values()))  # the others have not started
        state.send_event(OUTPUT_CLEARED, response_id=playing)
        state.playing.clear()


def start_item(state: ConversationState, response: ResponseState) -> None:
    """Announce the item of the answer, once."""
    if response.started:
        return
    response.started = True
    item = response_item(response, "in_progress", content=[])
    state.send_event(
        "response.output_item.added", response_id=response.id, output_index=0, item=item
    )
    if response.in_conversation:
        previous = state.items.insert(item, None)
        state.send_event("conversation.item.added", item=item, previous_item_id=previous)
    part = response_part(response, "")
    send_part_event(state, "response.content_part.added", response, part=part)


def finish_item(state: ConversationState, response: ResponseState, status: str) -> None:
    """Send the end of the item of the answer, and its whole text."""
    text = response.text
    if response.spoken:
        send_part_event(state, "response.output_audio.done", response)
        type = "response.output_audio_transcript.done"
        send_part_event(state, type, response, transcript=text)
    else:
        send_part_event(state, "response.output_text.done", response, text=text)
    part = response_part(response, text)
    send_part_event(state, "response.content_part.done", response, part=part)
    item = response_item(response, status, content=[response_content(response)])
    state.send_event(
        "response.output_item.done", response_id=response.id, output_index=0, item=item
    )
    if response.in_conversation and item["id"] in state.items.by_id:
        previous = state.items.before(item["id"])
        if response.truncated:
            item = item | {"content": state.items.by_id[item["id"]]["content"]}
        state.items.replace(item)
        state.send_event("conversation.item.done", item=item, previous_item_id=previous)


def response_item(response: ResponseState, status: str, *, content: list[dict[str, Any]]) -> Item:
    return {
        "id": response.item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def response_content(response: ResponseState) -> dict[str, Any]:
    """Return the content part of the item of `response`."""
    if response.spoken:
        return {"type": "output_audio", "transcript": response.text}
    return {"type": "output_text", "text": response.text}


def response_part(response: ResponseState, text: str) -> dict[str, Any]:
    """Return the part of `response.content_part` events, with the text so far."""
    if response.spoken:
        return {"type": "audio", "transcript": text}
    return {"type": "text", "text": text}


def _status_details(status: ResponseStatus, reason: str | None) -> dict[str, Any] | None:
    if status in ("cancelled", "incomplete"):
        return {"type": status, "reason": reason}
    if status == "failed":
        error = {"type": "server_error", "code": "response_failed", "message": reason}
        return {"type": "failed", "error": error}
    return None
