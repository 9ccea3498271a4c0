"""Applies a client's changes to the configuration of its session.

A patch changes only what it names. A value that the service does not have is replaced by the
nearest one, with a notice; unknown fields are refused, as OpenAI's service does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from media.events.hearing import ListeningConfig
from web.protocol import speech_input
from web.protocol.client_events.messages import ProtocolError, SessionUpdate, invalid_field_error
from web.protocol.client_events.turn_detection import merge_base, turn_detector, without_foreign
from web.protocol.response.function_calls import check_choice, check_tools
from web.protocol.session_config import (
    UNSUPPORTED,
    Capabilities,
    RealtimeConfig,
    SessionConfig,
    capabilities_fields,
    chosen_language,
    initial_config,
    listening_config,
    session_object,
)
from web.protocol.state import ConversationState

BETA_FIELDS = {  # fields of the API that was shut down, and their successors
    "modalities": "session.output_modalities",
    "input_audio_format": "session.audio.input.format",
    "output_audio_format": "session.audio.output.format",
    "input_audio_transcription": "session.audio.input.transcription",
    "turn_detection": "session.audio.input.turn_detection",
    "voice": "session.audio.output.voice",
}
_CONFIG: TypeAdapter[SessionConfig] = TypeAdapter(
    Annotated[SessionConfig, Field(discriminator="type")]
)
_TAGS = (
    "realtime",
    "NamedChoice",
    "transcription",
    "server_vad",
    "semantic_vad",
    "audio/pcm",
    "audio/pcmu",
    "audio/pcma",
)


OWN_FIELDS = ("events", "speakers", "translate")  # of `session.eyeline` that a client sets
SENT_FIELDS = ("languages", "generation", "turn_detector")  # that come back as they were sent
READ_ONLY = ("id", "object", "expires_at", "client_secret")  # of a session that a client echoes


def update_session(state: ConversationState, event: SessionUpdate) -> None:
    """Change the session's configuration and send the one in effect.

    Raises:
        ProtocolError: a field is unknown or wrong, or cannot change while a response is in
            progress.
    """
    patch, own = split_own(event.session)
    before, heard = state.config, listening(state)
    after, notices = update_config(before, patch, state.capabilities)
    if after.type != before.type and state.response is not None:
        raise ProtocolError(
            "session.type: cannot change while a response is in progress", param="session.type"
        )
    if after.audio.input.format != before.audio.input.format:
        speech_input.flush_decoder(state)
    state.config = after
    if own.events and not state.eyeline_events:
        notices = (*state.capabilities.notices, *notices)
    state.eyeline_events = state.eyeline_events if own.events is None else own.events
    state.tells_speakers = state.tells_speakers if own.speakers is None else own.speakers
    state.translate = state.translate if own.translate is None else own.translate
    if listening(state) != heard:
        state.inputs.append(listening(state))
    state.send_event("session.updated", session=session_fields(state))
    for message in notices:
        state.send_notice(message)


def listening(state: ConversationState) -> ListeningConfig:
    """Return how the session listens."""
    config = listening_config(state.config, state.capabilities, translate=state.translate)
    return replace(config, speakers=state.tells_speakers)


@dataclass(frozen=True, slots=True)
class OwnFields:
    """Whether a client wants the service's own events, voices told apart, and translations.

    None: as before.
    """

    events: bool | None = None
    speakers: bool | None = None
    translate: bool | None = None


def split_own(session: Mapping[str, Any]) -> tuple[dict[str, Any], OwnFields]:
    """Return the fields of `session` that a client sets: the API's, and the service's own.

    Raises:
        ProtocolError: `session.eyeline` is not what the service sends there.
    """
    fields = {name: value for name, value in session.items() if name not in READ_ONLY}
    own = fields.pop("eyeline", None)
    if own is None:
        return fields, OwnFields()
    told = [own.get(name) for name in OWN_FIELDS] if isinstance(own, dict) else []
    known = isinstance(own, dict) and own.keys() <= {*OWN_FIELDS, *SENT_FIELDS}
    if not known or not all(isinstance(value, bool | None) for value in told):
        raise ProtocolError(
            f"session.eyeline: expected an object of {', '.join(OWN_FIELDS)}: true or false",
            param="session.eyeline",
        )
    return fields, OwnFields(*told)


def session_fields(state: ConversationState) -> dict[str, Any]:
    """Return the session object with the service's own fields."""
    generation = capabilities_fields(state.capabilities.generation)
    own = {
        "events": state.eyeline_events,
        "translate": state.translate,
        "languages": list(state.capabilities.languages),
        "generation": generation,
        "speakers": state.tells_speakers and state.capabilities.speakers,
        "turn_detector": turn_detector(state.config.audio.input.turn_detection),
    }
    return {**session_object(state.config, state.id), "eyeline": own}


def update_config(
    config: SessionConfig, patch: Mapping[str, Any], capabilities: Capabilities
) -> tuple[SessionConfig, tuple[str, ...]]:
    """Return `config` changed by `patch`, and a notice for each value that was replaced.

    Raises:
        ProtocolError: a field is unknown, of the API that was shut down, or its value is wrong.
    """
    notices: list[str] = []
    changes = dict(patch)
    kind = changes.setdefault("type", config.type)
    if kind not in ("realtime", "transcription"):
        raise _invalid("session.type", "expected 'realtime' or 'transcription'", kind)
    _refuse_beta_fields(changes)
    _drop_unsupported(changes, UNSUPPORTED, notices)
    base = _base(config, str(kind), capabilities)
    if kind == "realtime":
        if not capabilities.tools:
            _drop_unsupported(changes, {"max_output_tokens": "inf"}, notices)
        check_tools(changes.get("tools"), changes.get("tool_choice"), capabilities, "session")
        _replace_output(changes, capabilities, notices)
    audio_input = _copied(changes, "audio", "input")
    if audio_input is not None:
        _replace_input(audio_input, capabilities, notices)
        detection = audio_input.get("turn_detection")
        if isinstance(detection, dict):  # else it is off, or refused below
            base["audio"]["input"]["turn_detection"] = merge_base(
                base["audio"]["input"]["turn_detection"], detection, capabilities.turn_detection
            )
    try:
        changed = _CONFIG.validate_python(merged(base, changes))
    except ValidationError as error:
        raise invalid_field_error(error, prefix="session", drop=_TAGS) from error
    if "tool_choice" in changes and isinstance(changed, RealtimeConfig):
        check_choice(changed.tool_choice, changed.tools, "session")
    return changed, tuple(notices)


def _base(config: SessionConfig, kind: str, capabilities: Capabilities) -> dict[str, Any]:
    """Return what changes are merged into; a change of type keeps the audio input."""
    if kind == config.type:
        return config.model_dump()
    audio_input = config.audio.input.model_dump()
    if audio_input["transcription"] is None:
        del audio_input["transcription"]
    initial = initial_config(capabilities, transcription=kind == "transcription")
    return merged(initial.model_dump(), {"audio": {"input": audio_input}})


def _refuse_beta_fields(changes: Mapping[str, Any]) -> None:
    for name in changes:
        if name in BETA_FIELDS:
            raise ProtocolError(
                f"session.{name} is from the beta API, which is gone: use {BETA_FIELDS[name]}",
                code="unknown_parameter",
                param=f"session.{name}",
            )


def _drop_unsupported(
    changes: dict[str, Any], unsupported: Mapping[str, Any], notices: list[str]
) -> None:
    """Remove the fields without effect, with a notice if they ask for something."""
    for name, default in unsupported.items():
        if name in changes and changes.pop(name) not in (default, None, [], "auto", "none"):
            notices.append(f"{name} is not supported and has no effect")


def _replace_output(
    changes: dict[str, Any], capabilities: Capabilities, notices: list[str]
) -> None:
    """Replace the model, modalities and voice that the service does not have."""
    if "model" in changes:
        changes["model"] = _available("model", changes["model"], (capabilities.model,), notices)
    if changes.get("output_modalities") == ["audio"] and not capabilities.voices:
        notices.append("no voice is loaded: answers are text")
        changes["output_modalities"] = ["text"]
    output = _copied(changes, "audio", "output")
    if output is None:
        return
    if "voice" in output:
        voice = output["voice"]
        voice = voice.get("id") if isinstance(voice, dict) else voice
        output["voice"] = _available("voice", voice, capabilities.voices, notices)
    if output.pop("speed", 1) not in (1, None):
        notices.append("speed is not supported and has no effect")


def _replace_input(
    audio_input: dict[str, Any], capabilities: Capabilities, notices: list[str]
) -> None:
    """Replace the recognizer, language and turn detection that the service does not have."""
    transcription = _copied(audio_input, "transcription")
    if transcription is not None:
        unsupported: dict[str, Any] = {"prompt": "", "keywords": [], "languages": [], "delay": None}
        _drop_unsupported(transcription, unsupported, notices)
        model = transcription.get("model")
        recognizers = capabilities.recognizers
        transcription["model"] = _available("transcription model", model, recognizers, notices)
        language = transcription.get("language")
        if isinstance(language, str):
            transcription["language"] = chosen_language(language, capabilities, notices)
    detection = _copied(audio_input, "turn_detection")
    if detection is not None:
        unsupported = {"idle_timeout_ms": None, "model_version": None}
        _drop_unsupported(detection, unsupported, notices)
        without_foreign(detection, notices)
    if audio_input.pop("noise_reduction", None) is not None:
        notices.append("noise_reduction is not supported and has no effect")


def _available(kind: str, name: object, available: tuple[str, ...], notices: list[str]) -> object:
    """Return `name` if it is available, else the default, with a notice."""
    if name in available:
        return name
    default = available[0] if available else None
    if name is not None and default is not None:
        notices.append(f"{kind} {str(name)[:80]!r} is not available: {default!r} is used")
    return default


def _invalid(param: str, expected: str, value: object) -> ProtocolError:
    return ProtocolError(f"{param}: {expected}, got {str(value)[:80]!r}", param=param)


def _copied(changes: dict[str, Any], *path: str) -> dict[str, Any] | None:
    """Replace the object at `path` by a copy and return that; None if there is no object."""
    owner = changes
    for step in path:
        value = owner.get(step)
        if not isinstance(value, dict):
            return None
        owner[step] = dict(value)
        owner = owner[step]
    return owner


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`; objects merge, unless their `type` changes."""
    result = dict(base)
    for name, value in changes.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict) and _same_type(old, value):
            result[name] = merged(old, value)
        else:
            result[name] = value
    return result


def _same_type(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(new.get("type", old.get("type")) == old.get("type"))
