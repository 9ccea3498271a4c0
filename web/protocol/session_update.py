"""How a client's wish changes the terms of its session.

Only what was sent changes. A wish that the service cannot meet is met by the nearest thing it
has, with a note; what it does not know is refused, as the real API does.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from web.protocol.messages import ProtocolError, invalid_field_error
from web.protocol.session_config import (
    UNSUPPORTED,
    Capabilities,
    SessionConfig,
    default_turn_detection,
    initial_config,
)

PATIENCE_MS = {"low": 1200, "medium": 600, "auto": 600, "high": 300}  # silence for semantic_vad
BETA = {  # fields of the API that was shut down, and where they are now
    "modalities": "session.output_modalities",
    "input_audio_format": "session.audio.input.format",
    "output_audio_format": "session.audio.output.format",
    "input_audio_transcription": "session.audio.input.transcription",
    "turn_detection": "session.audio.input.turn_detection",
    "voice": "session.audio.output.voice",
}
_TERMS: TypeAdapter[SessionConfig] = TypeAdapter(
    Annotated[SessionConfig, Field(discriminator="type")]
)
_TAGS = ("realtime", "transcription", "server_vad", "audio/pcm", "audio/pcmu", "audio/pcma")


def update_config(
    config: SessionConfig, patch: Mapping[str, Any], capabilities: Capabilities
) -> tuple[SessionConfig, tuple[str, ...]]:
    """Return `terms` changed by what `patch` names, and notes on the wishes met otherwise.

    Raises:
        ProtocolError: a field is unknown, of the API that was shut down, or its value is wrong.
    """
    notes: list[str] = []
    wish = dict(patch)
    kind = wish.setdefault("type", config.type)
    if kind not in ("realtime", "transcription"):
        raise _wrong("session.type", "expected 'realtime' or 'transcription'", kind)
    _refuse_beta(wish)
    _set_aside(wish, UNSUPPORTED, notes)
    base = _base(config, str(kind), capabilities)
    if kind == "realtime":
        _localise_answers(wish, capabilities, notes)
    given = _take(wish, "audio", "input")
    if given is not None:
        _localise_input(given, capabilities, notes)
        if given.get("turn_detection") and base["audio"]["input"]["turn_detection"] is None:
            base["audio"]["input"]["turn_detection"] = default_turn_detection(
                capabilities
            ).model_dump()
    try:
        changed = _TERMS.validate_python(_merged(base, wish))
    except ValidationError as error:
        raise invalid_field_error(error, prefix="session", drop=_TAGS) from error
    return changed, tuple(notes)


def _base(terms: SessionConfig, kind: str, local: Capabilities) -> dict[str, Any]:
    """Return what the wish is merged into; a change of type keeps how the input is heard."""
    if kind == terms.type:
        return terms.model_dump()
    kept = terms.audio.input.model_dump()
    if kept["transcription"] is None:
        del kept["transcription"]
    opened = initial_config(local, transcription=kind == "transcription")
    return _merged(opened.model_dump(), {"audio": {"input": kept}})


def _refuse_beta(wish: Mapping[str, Any]) -> None:
    for name in wish:
        if name in BETA:
            raise ProtocolError(
                f"session.{name} is from the beta API, which is gone: use {BETA[name]}",
                code="unknown_parameter",
                param=f"session.{name}",
            )


def _set_aside(wish: dict[str, Any], ignored: Mapping[str, Any], notes: list[str]) -> None:
    """Take the fields with nothing behind them out of `wish`, with a note where it matters."""
    for name, quiet in ignored.items():
        if name in wish and wish.pop(name) not in (quiet, None, [], "auto", "none"):
            notes.append(f"{name} is not supported and has no effect")


def _localise_answers(wish: dict[str, Any], local: Capabilities, notes: list[str]) -> None:
    """Replace the names and ways of answering that are not here by those that are."""
    if "model" in wish:
        wish["model"] = _nearest("model", wish["model"], (local.model,), notes)
    if wish.get("output_modalities") == ["audio"] and not local.voices:
        notes.append("no voice is loaded: answers are text")
        wish["output_modalities"] = ["text"]
    output = _take(wish, "audio", "output")
    if output is None:
        return
    if "voice" in output:
        voice = output["voice"]
        voice = voice.get("id") if isinstance(voice, dict) else voice
        output["voice"] = _nearest("voice", voice, local.voices, notes)
    if output.pop("speed", 1) not in (1, None):
        notes.append("speed is not supported: speech has its own pace")


def _localise_input(given: dict[str, Any], local: Capabilities, notes: list[str]) -> None:
    transcription = _take(given, "transcription")
    if transcription is not None:
        ignored: dict[str, Any] = {"prompt": "", "keywords": [], "languages": [], "delay": None}
        _set_aside(transcription, ignored, notes)
        wished = transcription.get("model")
        transcription["model"] = _nearest("transcription model", wished, local.recognizers, notes)
        language = transcription.get("language")
        if isinstance(language, str):
            code = language.lower().split("-")[0]
            transcription["language"] = _nearest("language", code, local.languages, notes)
    detection = _take(given, "turn_detection")
    if detection is not None:
        _localise_detection(detection, notes)
    if given.pop("noise_reduction", None) is not None:
        notes.append("noise_reduction is not supported and has no effect")


def _localise_detection(detection: dict[str, Any], notes: list[str]) -> None:
    _set_aside(detection, {"idle_timeout_ms": None, "model_version": None}, notes)
    eagerness = detection.pop("eagerness", None) or "auto"
    if detection.get("type") != "semantic_vad":
        return
    if eagerness not in PATIENCE_MS:
        place = "session.audio.input.turn_detection.eagerness"
        raise _wrong(place, f"expected one of {', '.join(PATIENCE_MS)}", eagerness)
    detection |= {"type": "server_vad", "silence_duration_ms": PATIENCE_MS[eagerness]}
    notes.append("semantic_vad is not here: server_vad with a silence that fits the eagerness")


def _nearest(what: str, name: object, have: tuple[str, ...], notes: list[str]) -> object:
    """Return `name` where it is here, the default where it is not, with a note."""
    if name in have:
        return name
    default = have[0] if have else None
    if name is not None and default is not None:
        notes.append(f"{what} {str(name)[:80]!r} is not here: {default!r} is used")
    return default


def _wrong(place: str, expected: str, got: object) -> ProtocolError:
    return ProtocolError(f"{place}: {expected}, got {str(got)[:80]!r}", param=place)


def _take(wish: dict[str, Any], *path: str) -> dict[str, Any] | None:
    """Return a copy, put in its place, of the object at `path`; None where there is none."""
    owner = wish
    for step in path:
        value = owner.get(step)
        if not isinstance(value, dict):
            return None
        owner[step] = dict(value)
        owner = owner[step]
    return owner


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `patch`; objects merge, unless their `type` changes."""
    merged = dict(base)
    for name, value in patch.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict) and _alike(old, value):
            merged[name] = _merged(old, value)
        else:
            merged[name] = value
    return merged


def _alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(new.get("type", old.get("type")) == old.get("type"))
