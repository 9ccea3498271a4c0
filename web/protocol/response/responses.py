"""Responses of a conversation: one at a time, as text or as speech.

The order of a response's events:
response.created, response.output_item.added, conversation.item.added,
response.content_part.added, deltas, *.done, response.content_part.done,
response.output_item.done, conversation.item.done, response.done.
"""

from dataclasses import replace

import numpy as np

from media.events.answers import Announce, Answer, Cancel, Question, Speech
from media.events.vision import RequestMet
from web.protocol.client_events.messages import (
    OutputClear,
    ProtocolError,
    ResponseCancel,
    ResponseConfig,
    ResponseCreate,
)
from web.protocol.items import Item
from web.protocol.response.dialogue import context_of, dialogue_around, response_dialogue
from web.protocol.response.events import (
    ResponseStatus,
    clear_speech,
    finish_item,
    send_audio,
    send_part_event,
    send_response_event,
    speech_queued,
    start_item,
)
from web.protocol.response.function_calls import check_choice, check_tools, send_calls
from web.protocol.session_config import RealtimeConfig, TranscriptionConfig, wants_speech
from web.protocol.state import ConversationState, ResponseState

PICTURE_QUESTION = "What is in the picture?"  # for a picture that comes without text


def create(state: ConversationState, event: ResponseCreate) -> None:
    """Start a response to the newest message of the user, or to the input that the event gives.

    If that message is speech without a transcript yet, the question waits for it.

    Raises:
        ProtocolError: a response is in progress, or this is a transcription session.
    """
    if isinstance(state.config, TranscriptionConfig):
        raise ProtocolError("a transcription session gives no responses", param="type")
    if state.response is not None:
        raise ProtocolError(
            f"response {state.response.id!r} is in progress: cancel it or wait until it is done",
            code="conversation_already_has_active_response",
        )
    config = event.response or ResponseConfig()
    check_tools(config.tools, config.tool_choice, state.capabilities, "response")
    tools = state.config.tools if config.tools is None else config.tools
    check_choice(config.tool_choice, tools, "response")
    items = context_of(state, config)
    message = items.last_user_message()
    text: str | None = config.instructions or state.config.instructions
    if message is not None:
        text = state.question_of(message)
    spoken = wants_speech(state.config)
    if config.output_modalities is not None:
        spoken = config.output_modalities == ["audio"] and bool(state.capabilities.voices)
    response = new_response(state, state.config, spoken=spoken)
    response.in_conversation = config.conversation != "none"
    response.metadata = config.metadata
    response.dialogue, response.context = response_dialogue(state.config, config), items
    send_response_event(state, "response.created", response, "in_progress")
    if text is None and message is not None:
        response.awaited_item = message["id"]
    else:
        _ask(state, response, text or "", state.media_time, message)


def answer_turn(state: ConversationState, item_id: str) -> None:
    """Start the response to a detected turn, if wanted; it waits for the turn's transcript."""
    config = state.config
    detection = config.audio.input.turn_detection
    wanted = detection is not None and detection.create_response
    if wanted and state.response is None and isinstance(config, RealtimeConfig):
        response = new_response(state, config, spoken=wants_speech(config))
        response.awaited_item, response.overheard = item_id, True
        send_response_event(state, "response.created", response, "in_progress")


def receive_transcript(state: ConversationState, item_id: str, text: str, time: float) -> None:
    """Ask the question of a turn of speech, if the response in progress waits for it."""
    response = state.response
    if response is not None and response.awaited_item == item_id:
        response.awaited_item = None
        _ask(state, response, text, time, state.items.by_id.get(item_id))


def fail_turn(state: ConversationState, item_id: str, message: str) -> None:
    """End the response that waits for the transcript of a turn, as there will be none."""
    if state.response is not None and state.response.awaited_item == item_id:
        finish(state, state.response, "failed", message)


def queue_announcement(state: ConversationState, met: RequestMet) -> None:
    """Keep an announcement until `announce_next` may start it."""
    state.announcements.append(met)


def announce_next(state: ConversationState) -> None:
    """Start the next announcement, unless a response or a turn of speech is in progress."""
    config = state.config
    if not state.announcements or not isinstance(config, RealtimeConfig):
        return
    speaking = config.audio.input.turn_detection is not None and state.speech_input.turns
    if state.response is not None or speaking:
        return
    met = state.announcements.popleft()
    response = new_response(state, config, spoken=wants_speech(config))
    response.metadata = {"eyeline.request": met.request[:512]}
    send_response_event(state, "response.created", response, "in_progress")
    time, moments = met.moment.time, (met.moment,)
    id, spoken = response.question_id, response.spoken
    response.asked = Announce(id, met.text, time, spoken, moments, met.language)
    state.inputs.append(response.asked)


def interrupt(state: ConversationState) -> None:
    """Cancel the response and clear its speech because the user speaks, if that is configured."""
    detection = state.config.audio.input.turn_detection
    if detection is None or not detection.interrupt_response:
        return
    if state.response is not None:
        _cancel(state, state.response, "turn_detected")
    clear_speech(state)


def cancel(state: ConversationState, event: ResponseCancel) -> None:
    """Cancel the response in progress.

    Raises:
        ProtocolError: there is none, or it is another.
    """
    response = state.response
    if response is None or event.response_id not in (None, response.id):
        raise ProtocolError(
            "there is no active response to cancel", code="response_cancel_not_active"
        )
    _cancel(state, response, "client_cancelled")


def clear_output(state: ConversationState, _: OutputClear) -> None:
    """Clear the speech on the track.

    Raises:
        ProtocolError: there is no track.
    """
    if not state.on_track:
        raise ProtocolError(
            "output_audio_buffer.clear is for WebRTC: here the client plays the audio"
        )
    clear_speech(state)


def receive_answer(state: ConversationState, answer: Answer) -> None:
    """Send a piece of the answer as text; pieces of a cancelled answer are ignored."""
    response = state.response
    if response is None or response.question_id != answer.id:
        return
    if answer.text or not may_be_empty(response):
        start_item(state, response)
    if answer.text:
        kind = "output_audio_transcript" if response.spoken else "output_text"
        response.text += answer.text
        send_part_event(state, f"response.{kind}.delta", response, delta=answer.text)
    if answer.status == "cancelled":
        finish(state, response, "cancelled", "turn_detected")
    elif answer.status == "failed":
        finish(state, response, "failed", answer.reason)
    elif answer.status == "completed" and not response.spoken:
        finish(state, response, "completed")


def receive_speech(state: ConversationState, speech: Speech) -> None:
    """Send a piece of the answer as audio, or that its speech starts on the track."""
    response = state.response
    if response is None or response.question_id != speech.id:
        return
    if speech.chunk is not None or not may_be_empty(response):
        start_item(state, response)
    if speech.chunk is not None:
        response.samples += len(speech.chunk.samples)
        response.rate = speech.chunk.rate
        state.speech_ms[response.item_id] = response.samples * 1000 // response.rate
        if not state.on_track:
            send_audio(state, response, speech.chunk.samples, last=False)
        else:
            speech_queued(state, response)
    if speech.status == "completed":
        if response.started and not state.on_track:
            send_audio(state, response, np.zeros(0, np.float32), last=True)
        finish(state, response, "completed")
    elif speech.status == "cancelled":
        finish(state, response, "cancelled", "turn_detected")


def may_be_empty(response: ResponseState) -> bool:
    """Return whether `response` may end without an item: it calls functions, or hears a remark."""
    return response.overheard or bool(response.calls)


def fail(state: ConversationState, message: str) -> None:
    """End the response in progress, if there is one, as failed."""
    if state.response is not None:
        finish(state, state.response, "failed", message)


def new_response(
    state: ConversationState, config: RealtimeConfig, *, spoken: bool
) -> ResponseState:
    """Return a new response, which is the one in progress."""
    response = ResponseState(
        state.new_id("resp"),
        state.new_id("ask"),
        state.new_id("item"),
        spoken=spoken,
        format=config.audio.output.format.type,
        dialogue=response_dialogue(config, ResponseConfig()),
    )
    state.response = response
    return response


def _ask(
    state: ConversationState, response: ResponseState, text: str, time: float, message: Item | None
) -> None:
    items = response.context or state.items
    if message is not None:
        items.replace(message)  # its transcript has come
    shown = items.pictures_of(message, live=state.video_time > 0)
    pictures = tuple(picture.file for picture in shown)
    if pictures and not text.strip():
        text = PICTURE_QUESTION
    around = dialogue_around(items, message, state.capabilities.history)
    dialogue = replace(response.dialogue, before=around.before, since=around.since)
    response.asked = Question(
        response.question_id,
        text,
        time,
        response.spoken,
        pictures,
        dialogue,
        overheard=response.overheard,
    )
    state.inputs.append(response.asked)


def _cancel(state: ConversationState, response: ResponseState, reason: str) -> None:
    """End the response at once; what the session still sends of it is ignored."""
    if response.awaited_item is None:
        state.inputs.append(Cancel(response.question_id))
    finish(state, response, "cancelled", reason)


def finish(
    state: ConversationState,
    response: ResponseState,
    status: ResponseStatus,
    reason: str | None = None,
) -> None:
    """End the response; its text so far stays in the conversation."""
    state.response = None
    if response.started:
        finish_item(state, response, "completed" if status == "completed" else "incomplete")
    if status == "completed":
        send_calls(state, response)
    send_response_event(state, "response.done", response, status, reason)
    if status != "completed" and response.question_id in state.playing:
        clear_speech(state)
