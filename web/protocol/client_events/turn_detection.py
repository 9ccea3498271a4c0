"""Turn detection of a session, as clients configure it: by silence, or by words and silence.

Source: the OpenAI Realtime API (GA), `session.audio.input.turn_detection`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, assert_never, get_args

from pydantic import BaseModel, ConfigDict, Field

from media.events.hearing import Eagerness, TurnDetection
from media.pipeline.hearing.patience import LIMITS
from web.protocol.client_events.messages import ProtocolError

PARAM = "session.audio.input.turn_detection"
EAGERNESS = get_args(Eagerness)
SHARED = {"create_response", "interrupt_response"}  # by both types
FOREIGN = {  # fields of the other type, which clients send along
    "server_vad": ("eagerness",),
    "semantic_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms"),
}


class TurnModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerVad(TurnModel):
    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0, le=5_000)
    silence_duration_ms: int = Field(500, ge=50, le=30_000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(TurnModel):
    """The words decide when a turn is over; what starts one is the service's setting."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True


AnyVad = ServerVad | SemanticVad
TurnDetectionConfig = Annotated[AnyVad, Field(discriminator="type")]


def default_vad(default: TurnDetection) -> AnyVad:
    """Return the turn detection of clients that configure none; `default` is the service's."""
    return server_vad(default) if default.eagerness is None else semantic_vad(default)


def server_vad(default: TurnDetection) -> ServerVad:
    return ServerVad(
        threshold=default.threshold,
        prefix_padding_ms=round(default.padding * 1000),
        silence_duration_ms=round(default.silence * 1000),
    )


def semantic_vad(default: TurnDetection) -> SemanticVad:
    return SemanticVad(eagerness=default.eagerness or "auto")


def detection_of(vad: AnyVad | None, default: TurnDetection) -> TurnDetection | None:
    """Return the turn detection of the pipeline."""
    match vad:
        case None:
            return None
        case SemanticVad():
            return TurnDetection(
                threshold=default.threshold, padding=default.padding, eagerness=vad.eagerness
            )
        case ServerVad():
            return TurnDetection(
                threshold=min(max(vad.threshold, 0.01), 0.99),  # the pipeline's range is open
                silence=vad.silence_duration_ms / 1000,
                padding=vad.prefix_padding_ms / 1000,
            )
        case _:
            assert_never(vad)


def longest_silence(vad: AnyVad | None) -> float:
    """Return how many seconds of silence a turn may take to end."""
    match vad:
        case None:
            return 0.0
        case SemanticVad():
            return LIMITS[vad.eagerness][1]
        case ServerVad():
            return vad.silence_duration_ms / 1000
        case _:
            assert_never(vad)


def turn_detector(vad: AnyVad | None) -> str:
    """Return in words what decides that a turn is over."""
    match vad:
        case None:
            return "the client"
        case SemanticVad():
            return "words and silence"
        case ServerVad():
            return "silence"
        case _:
            assert_never(vad)


def without_foreign(detection: dict[str, Any], notices: list[str]) -> None:
    """Remove the fields of the other type from a client's `detection`, with a notice for each.

    Raises:
        ProtocolError: the eagerness is none of those there are.
    """
    kind = detection.get("type")
    if kind == "semantic_vad" and (eagerness := detection.get("eagerness")) is None:
        detection.pop("eagerness", None)
    elif kind == "semantic_vad" and str(eagerness) not in EAGERNESS:
        param = f"{PARAM}.eagerness"
        expected = f"expected one of {', '.join(EAGERNESS)}"
        raise ProtocolError(f"{param}: {expected}, got {str(eagerness)[:80]!r}", param=param)
    foreign = FOREIGN.get(kind, ()) if isinstance(kind, str) else ()
    sent = [name for name in foreign if detection.pop(name, None) is not None]
    notices += [f"{name} has no effect with {kind}" for name in sent]


def merge_base(
    current: Mapping[str, Any] | None, changes: Mapping[str, Any], default: TurnDetection
) -> dict[str, Any]:
    """Return what `changes` are merged into: the `current` fields if the type stays the same.

    Another type keeps what both have, and has the service's defaults for the rest.
    """
    kind = changes.get("type") or (current or {}).get("type")
    if current is not None and current["type"] == kind:
        return dict(current)
    fresh = {"server_vad": server_vad, "semantic_vad": semantic_vad}.get(str(kind), default_vad)
    base = fresh(default).model_dump()
    return base | {name: current[name] for name in SHARED if current is not None}
