"""The OpenAI Realtime protocol as a pure state machine: messages in, session inputs and events out.

No I/O and no clock: a transport (WebSocket, WebRTC data channel, test) feeds `receive` with what
the client says, `heard` with sound that came another way, and `emit` with what the session says;
each returns the state, the inputs for the session and the events for the client, in order. The
state that is given is spent.

Source: the OpenAI Realtime API (GA), as openai 3.54.0 and agents-realtime 0.20.0 use it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from media.events import (
    Answer,
    Caption,
    Degraded,
    Evidence,
    Input,
    Output,
    Relevance,
    Remembered,
    RequestMet,
    Speech,
    StandingRequests,
    TurnEnded,
    TurnStarted,
)
from media.frames import AudioChunk, VideoFrame
from media.generation_events import GeneratedImage, GenerationStatus
from web.protocol import generation as drawing
from web.protocol import item_commands as item_acts
from web.protocol import responses
from web.protocol import speech_input as hearing
from web.protocol import vision as seeing
from web.protocol.generation_messages import (
    GenerationUpdate,
    PromptSet,
    TrackAppend,
    TrackClear,
)
from web.protocol.messages import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ProtocolError,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    VideoAppend,
    parse,
)
from web.protocol.session_config import (
    Capabilities,
    TranscriptionConfig,
    initial_config,
    listening_config,
    session_object,
)
from web.protocol.session_update import update_config
from web.protocol.state import Dialogue, Event, note, say, taken

Step = tuple[Dialogue, Sequence[Input], Sequence[Event]]


def begin(
    id: str,
    local: Capabilities,
    *,
    model: str | None = None,
    wish: Mapping[str, Any] | None = None,
    transcription: bool = False,
    own_events: bool = False,
    on_track: bool = False,
) -> Step:
    """Open conversation `id`: `model` is what the client's URL names, `on_track` is WebRTC.

    `wish` is the session that came with a client secret or an SDP offer.

    Raises:
        ProtocolError: `wish` is not one that an update could make.
    """
    terms = initial_config(local, transcription=transcription)
    dialogue = Dialogue(id, local, terms, on_track=on_track, own_events=own_events)
    notes: tuple[str, ...] = ()
    if model is not None and not transcription:
        dialogue.terms, notes = update_config(terms, {"model": model}, local)
    if wish:
        dialogue.terms, more = update_config(dialogue.terms, wish, local)
        notes += more
    say(dialogue, "session.created", session=_session(dialogue))
    if not isinstance(dialogue.terms, TranscriptionConfig):
        conversation = {"id": f"conv_{id.removeprefix('sess_')}", "object": "realtime.conversation"}
        say(dialogue, "conversation.created", conversation=conversation)
    dialogue.inputs.append(listening_config(dialogue.terms))
    for text in (*local.notices, *notes):
        note(dialogue, text)
    return taken(dialogue)


def receive(dialogue: Dialogue, text: str, *, now: float = 0.0) -> Step:
    """Obey one message of the client; one that cannot be obeyed gives an `error` event.

    `now` is the time of a picture that does not say its own, in seconds of the session.
    """
    try:
        event = parse(text)
    except ProtocolError as error:
        return refuse(dialogue, error)
    try:
        if isinstance(event, VideoAppend):
            seeing.append(dialogue, event, now)
        else:
            _obey(dialogue, event)
    except ProtocolError as error:
        error.event_id = event.event_id
        return refuse(dialogue, error)
    responses.speak_up(dialogue)
    return taken(dialogue)


def refuse(dialogue: Dialogue, error: ProtocolError) -> Step:
    """Tell the client what was wrong with its message."""
    say(
        dialogue,
        "error",
        error={
            "type": "invalid_request_error",
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "event_id": error.event_id,
        },
    )
    return taken(dialogue)


def heard(dialogue: Dialogue, chunk: AudioChunk) -> Step:
    """Hear sound that did not come in a message: mono at 16 kHz, placed on the timeline."""
    hearing.hear(dialogue, chunk)
    return taken(dialogue)


def saw(dialogue: Dialogue, frame: VideoFrame) -> Step:
    """See a picture that did not come in a message."""
    seeing.see(dialogue, frame)
    return taken(dialogue)


def emit(dialogue: Dialogue, output: Output) -> Step:
    """Say what the session says; drawn frames are the transport's, and give nothing here."""
    match output:
        case GenerationStatus():
            drawing.status(dialogue, output)
        case GeneratedImage():
            drawing.picture(dialogue, output)
        case _:
            if not _heard_or_said(dialogue, output):
                _seen(dialogue, output)
    responses.speak_up(dialogue)
    return taken(dialogue)


def _heard_or_said(dialogue: Dialogue, output: Output) -> bool:
    """Say what was heard or answered, if `output` is that; return whether it is."""
    match output:
        case TurnStarted():
            if hearing.turn_started(dialogue, output):
                responses.interrupted(dialogue)
        case TurnEnded():
            hearing.turn_ended(dialogue, output)
        case Caption():
            _captioned(dialogue, output)
        case Answer():
            responses.answered(dialogue, output)
        case Speech():
            responses.voiced(dialogue, output)
        case _:
            return False
    return True


def _seen(dialogue: Dialogue, output: Output) -> None:
    """Say what was seen."""
    match output:
        case Evidence():
            seeing.evidence(dialogue, output)
        case Remembered():
            seeing.remembered(dialogue, output)
        case Relevance():
            seeing.relevance(dialogue, output)
        case StandingRequests():
            seeing.standing(dialogue, output)
        case RequestMet():
            dialogue.notices.append(output)
        case Degraded():
            note(dialogue, output.message, "warning")
        case _:
            assert isinstance(output, VideoFrame), output


def played(dialogue: Dialogue) -> Step:
    """Say that all speech given to the track was heard."""
    responses.played(dialogue)
    return taken(dialogue)


def tell(dialogue: Dialogue, type: str, **fields: Any) -> Step:
    """Say one of the service's own events, if the client wants them."""
    if dialogue.own_events:
        say(dialogue, type, **fields)
    return taken(dialogue)


def fail(dialogue: Dialogue, message: str) -> Step:
    """Say that the session failed, and what therefore never comes."""
    hearing.failed(dialogue, message)
    responses.failed(dialogue, message)
    say(dialogue, "error", error={"type": "server_error", "code": None, "message": message})
    return taken(dialogue)


def _captioned(dialogue: Dialogue, caption: Caption) -> None:
    if dialogue.own_events:
        say(dialogue, "eyeline.caption", **hearing.caption_fields(caption))
    complete = hearing.captioned(dialogue, caption)
    if complete is not None:
        responses.transcribed(dialogue, *complete, caption.end)


def _obey(dialogue: Dialogue, event: ClientEvent) -> None:
    act: Callable[[Dialogue, Any], None] = ACTS[type(event)]
    act(dialogue, event)


def _update(dialogue: Dialogue, event: SessionUpdate) -> None:
    wish = dict(event.session)
    own = wish.pop("eyeline", None)
    if own is not None and not (isinstance(own, dict) and isinstance(own.get("events"), bool)):
        raise ProtocolError(
            'session.eyeline: expected {"events": true} or {"events": false}',
            param="session.eyeline",
        )
    before = dialogue.terms
    after, notes = update_config(before, wish, dialogue.local)
    if after.type != before.type and dialogue.response is not None:
        raise ProtocolError(
            "session.type: cannot change while a response is in progress", param="session.type"
        )
    if after.audio.input.format != before.audio.input.format:
        hearing.end_format(dialogue)
    dialogue.terms = after
    fresh = own is not None and own["events"] and not dialogue.own_events
    if own is not None:
        dialogue.own_events = own["events"]
    if listening_config(after) != listening_config(before):
        dialogue.inputs.append(listening_config(after))
    say(dialogue, "session.updated", session=_session(dialogue))
    for text in (*(dialogue.local.notices if fresh else ()), *notes):
        note(dialogue, text)


def _session(dialogue: Dialogue) -> dict[str, Any]:
    draws = drawing.described(dialogue.local.generation)
    own = {"events": dialogue.own_events, "generation": draws}
    return {**session_object(dialogue.terms, dialogue.id), "eyeline": own}


def _append(dialogue: Dialogue, event: AudioAppend) -> None:
    hearing.append(dialogue, event)


def _commit(dialogue: Dialogue, event: AudioCommit) -> None:
    del event
    hearing.commit(dialogue)


def _clear(dialogue: Dialogue, event: AudioClear) -> None:
    del event
    hearing.clear(dialogue)


def _clear_output(dialogue: Dialogue, event: OutputClear) -> None:
    del event
    if not dialogue.on_track:
        raise ProtocolError(
            "output_audio_buffer.clear is for WebRTC: here the client plays the sound"
        )
    responses.hush(dialogue)


ACTS: dict[type, Callable[[Dialogue, Any], None]] = {
    SessionUpdate: _update,
    AudioAppend: _append,
    AudioCommit: _commit,
    AudioClear: _clear,
    OutputClear: _clear_output,
    PromptSet: drawing.set_prompt,
    TrackAppend: drawing.append_track,
    TrackClear: drawing.clear_track,
    GenerationUpdate: drawing.update,
    ItemCreate: item_acts.create,
    ItemRetrieve: item_acts.retrieve,
    ItemDelete: item_acts.delete,
    ItemTruncate: item_acts.truncate,
    ResponseCreate: responses.create,
    ResponseCancel: responses.cancel,
}
