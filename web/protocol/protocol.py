"""The OpenAI Realtime protocol without I/O, in the manner of websockets' `Protocol`.

A transport passes on what comes from the client, parsed and with its images decoded, and what comes
from the session. Then it takes `inputs_to_send` for the session and `events_to_send` for the
client, in order. The protocol has no clock.

Source: the OpenAI Realtime API (GA), as openai 3.54.0 and agents-realtime 0.20.0 use it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from media.dialogue import AnswerNotice, CalledFunction
from media.events.answers import Answer, Evidence, Speech
from media.events.generation import DrawRequest, GeneratedImage, GenerationStatus
from media.events.hearing import Backchannel, Caption, Cleared, CommitResult, TurnEnded, TurnStarted
from media.events.session import Input, Output
from media.events.speakers import Speakers
from media.events.vision import Degraded, Relevance, Remembered, RequestMet, StandingRequests
from media.frames import AudioChunk, Gap, VideoFrame
from media.images.look_file import LookFile
from media.video import Pixels
from web.protocol import (
    generation,
    item_commands,
    languages,
    looks,
    resumption,
    session_update,
    speech_input,
    vision,
)
from web.protocol.client_events.generation_messages import LookSet
from web.protocol.client_events.messages import (
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
)
from web.protocol.client_events.received import ReceivedMessage
from web.protocol.response import events as response_events
from web.protocol.response import function_calls, responses
from web.protocol.session_config import (
    UNANSWERED,
    Capabilities,
    TranscriptionConfig,
    initial_config,
)
from web.protocol.state import ConversationState, Event

COMMANDS: dict[type, Callable[[ConversationState, Any], None]] = {
    SessionUpdate: session_update.update_session,
    **speech_input.COMMANDS,
    OutputClear: responses.clear_output,
    **generation.COMMANDS,
    **looks.COMMANDS,
    ItemCreate: item_commands.create,
    ItemRetrieve: item_commands.retrieve,
    ItemDelete: item_commands.delete,
    ItemTruncate: item_commands.truncate,
    ResponseCreate: responses.create,
    ResponseCancel: responses.cancel,
}

EVENTS: dict[type, Callable[[ConversationState, Any], None]] = {
    CalledFunction: function_calls.receive_call,
    AnswerNotice: vision.send_warning,
    Degraded: vision.send_warning,
    RequestMet: responses.queue_announcement,
    Evidence: vision.send_evidence,
    Remembered: vision.send_moment,
    Relevance: vision.send_relevance,
    StandingRequests: vision.send_requests,
    Speakers: speech_input.send_speakers,
    Gap: vision.send_gap,
    Backchannel: speech_input.receive_backchannel,
    DrawRequest: generation.draw,
    GenerationStatus: generation.send_status,
    GeneratedImage: generation.send_picture,
    **languages.EVENTS,
}


class RealtimeProtocol:
    """One conversation: `session.created` is the first of its `events_to_send`.

    `model` is the name in the client's URL, and `patch` the session that came with a client
    secret or an SDP offer. `on_track` is WebRTC: speech goes to a track. Without `answers`, turns
    are answered only if `patch` wants it. One thread at a time may call it; only `receive_media`
    may be called beside another method.

    Raises:
        ProtocolError: `patch` is not a valid change of a session.
    """

    def __init__(
        self,
        id: str,
        capabilities: Capabilities,
        *,
        model: str | None = None,
        patch: Mapping[str, Any] | None = None,
        transcription: bool = False,
        eyeline_events: bool = False,
        on_track: bool = False,
        answers: bool = True,
    ) -> None:
        config = initial_config(capabilities, transcription=transcription)
        notices = capabilities.notices
        fields, own = session_update.split_own(patch or {})
        named = {"model": model} if model is not None and not transcription else {}
        for each in ({} if answers else UNANSWERED, named, fields):
            config, more = session_update.update_config(config, each, capabilities)
            notices += more
        self.state = ConversationState(
            id,
            capabilities,
            config,
            on_track=on_track,
            eyeline_events=eyeline_events or own.events is True,
            tells_speakers=own.speakers is not False,
            translate=own.translate is True,
        )
        self._open(notices)

    @classmethod
    def resumed(
        cls, state: ConversationState, capabilities: Capabilities, *, why: str = resumption.MOVED
    ) -> Self:
        """Return the protocol of a conversation that another process has begun; `why` is for users.

        The caller then gives it the outputs of `resumption.unfinished`.
        """
        protocol = cls.__new__(cls)
        protocol.state = state
        state.capabilities = capabilities
        resumption.resume(state, why)
        return protocol

    def events_to_send(self) -> list[Event]:
        """Take the events for the client."""
        events, self.state.events = self.state.events, []
        return events

    def inputs_to_send(self) -> list[Input]:
        """Take the inputs for the session."""
        inputs, self.state.inputs = self.state.inputs, []
        return inputs

    @property
    def ready(self) -> bool:
        """Return whether the next client event can be handled.

        Not while a commit or clear is on its way through the session: what follows it in a client's
        order, such as `response.create`, is about a conversation that has its item.
        """
        return not self.state.speech_input.unprocessed

    def receive_message(
        self,
        message: ReceivedMessage,
        images: Sequence[Pixels | LookFile] = (),
        *,
        now: float = 0.0,
    ) -> None:
        """Handle a client event, once `ready`; an invalid one gives an `error` event only.

        `images` are those of `message`, decoded. `now` is the session's clock, in seconds.
        """
        assert len(images) == len(message.images)
        self.state.now = max(self.state.now, now)
        self._count_media()
        event = message.event
        try:
            match event, images:
                case VideoAppend(), (pixels,) if not isinstance(pixels, LookFile):
                    vision.append(self.state, event, pixels, now)
                case LookSet(), (LookFile() as file,):
                    looks.set_look(self.state, event, file)
                case _:
                    COMMANDS[type(event)](self.state, event)
        except ProtocolError as error:
            error.event_id = event.event_id
            self.refuse(error)
            return
        responses.announce_next(self.state)

    def receive_media(self, item: AudioChunk | VideoFrame) -> None:
        """Note how far the media on WebRTC tracks have come; they go to the session directly."""
        tracks = self.state.tracks
        if isinstance(item, VideoFrame):
            tracks.video_time = max(tracks.video_time, item.time)
        else:
            tracks.position = item.end

    def emit(self, output: Output) -> None:
        """Handle an output of the session; frames and speech on a track are the transport's."""
        self._count_media()
        if not self._emit_speech(output):
            self._emit_event(output)
        responses.announce_next(self.state)

    def playback_finished(self, question_id: str) -> None:
        """Handle that the speech of an answer was played on the track to its end."""
        response_events.playback_finished(self.state, question_id)

    def send_eyeline_event(self, type: str, **fields: Any) -> None:
        """Add one of the service's own events, if the client takes them."""
        if self.state.eyeline_events:
            self.state.send_event(type, **fields)

    def refuse(self, error: ProtocolError) -> None:
        """Add an `error` event for an invalid client event."""
        self.state.send_event(
            "error",
            error={
                "type": "invalid_request_error",
                "code": error.code,
                "message": error.message,
                "param": error.param,
                "event_id": error.event_id,
            },
        )

    def fail(self, message: str) -> None:
        """Add the events of a session that failed: transcripts and responses end as failed."""
        speech_input.fail_transcripts(self.state, message)
        responses.fail(self.state, message)
        error = {"type": "server_error", "code": None, "message": message}
        self.state.send_event("error", error=error)

    def expects_speech(self, speech: Speech) -> bool:
        """Return whether `speech` belongs to the response in progress."""
        response = self.state.response
        return response is not None and response.question_id == speech.id

    def _open(self, notices: tuple[str, ...]) -> None:
        state = self.state
        state.send_event("session.created", session=session_update.session_fields(state))
        if not isinstance(state.config, TranscriptionConfig):
            conversation = {"id": state.conversation_id, "object": "realtime.conversation"}
            state.send_event("conversation.created", conversation=conversation)
        state.inputs.append(session_update.listening(state))
        for message in notices:
            state.send_notice(message)

    def _count_media(self) -> None:
        """Add what `receive_media` noted to the conversation's state."""
        audio, tracks = self.state.speech_input, self.state.tracks
        audio.position = max(audio.position, tracks.position)
        self.state.video_time = max(self.state.video_time, tracks.video_time)

    def _emit_speech(self, output: Output) -> bool:
        """Handle `output` if it is about speech or an answer; return whether it is."""
        match output:
            case TurnStarted() | TurnEnded() | CommitResult() | Cleared():
                self._emit_turn(output)
            case Caption():
                languages.receive_caption(self.state, output)
            case Answer():
                responses.receive_answer(self.state, output)
            case Speech():
                responses.receive_speech(self.state, output)
            case _:
                return False
        return True

    def _emit_turn(self, output: TurnStarted | TurnEnded | CommitResult | Cleared) -> None:
        match output:
            case TurnStarted():
                speech_input.turn_started(self.state, output)
                if output.detected:
                    responses.interrupt(self.state)
            case TurnEnded():
                item_id = speech_input.turn_ended(self.state, output)
                if output.detected:
                    responses.answer_turn(self.state, item_id)
            case CommitResult():
                error = speech_input.receive_commit_result(self.state, output)
                if error is not None:
                    self.refuse(error)
            case Cleared():
                speech_input.receive_cleared(self.state)

    def _emit_event(self, output: Output) -> None:
        """Handle `output` by `EVENTS`; frames are the transport's."""
        event = EVENTS.get(type(output))
        if event is None:
            assert isinstance(output, VideoFrame), output
        else:
            event(self.state, output)
