"""The configuration of a session, and what the service can do.

`session.created` and `session.updated` show the configuration in effect, which may differ from
what the client asked for: web.protocol.session_update applies a client's changes.

Source: the OpenAI Realtime API (GA): session objects of type realtime and transcription.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from media.events.hearing import ListeningConfig, TurnDetection
from models.asr.languages.codes import language_code
from models.generation.small.prompts.reading import MOTIONS
from models.generation.small.prompts.vocabulary import Vocabulary, without_article
from web.protocol.client_events.tools import MaxTokens, ToolChoice, Tools
from web.protocol.client_events.turn_detection import (
    TurnDetectionConfig,
    default_vad,
    detection_of,
    server_vad,
)

AUTO = "auto"  # the language is detected
TRUE = ("1", "true", "yes", "on")  # in a URL
UNSUPPORTED: dict[str, Any] = {  # fields of the API without effect here, with their defaults
    "include": None,
    "prompt": None,
    "reasoning": None,
    "tracing": None,
    "truncation": "auto",
}
UNANSWERED = {"audio": {"input": {"turn_detection": {"create_response": False}}}}  # a patch


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCapabilities:
    """The video generation model and its limits.

    `size` is the width and height of its pictures and `rate` their number per second. `samplers`
    have their default number of steps. `tracks` is true if things follow tracks. `vocabulary` is
    what it can draw, None for anything. A session may have `max_looks` pictures. A prompt
    has at most `max_prompt_length` characters, a message at most `max_track_points` points.
    """

    description: str
    stand_in: bool
    size: tuple[int, int]
    rate: float
    samplers: Mapping[str, int]
    tracks: bool = True
    vocabulary: Vocabulary | None = None
    max_looks: int = 0
    max_prompt_length: int = 1000
    max_track_points: int = 2000


def capabilities_fields(capabilities: GenerationCapabilities | None) -> Mapping[str, Any] | None:
    """Return `session.eyeline.generation`: the generation model and what it can do."""
    if capabilities is None:
        return None
    known = capabilities.vocabulary or Vocabulary((), ())
    return {
        "about": capabilities.description,
        "stand_in": capabilities.stand_in,
        "size": list(capabilities.size),
        "rate": capabilities.rate,
        "samplers": dict(capabilities.samplers),
        "tracks": capabilities.tracks,
        "things": list(known.kinds),
        "backgrounds": [without_article(name) for name in known.grounds],
        "colors": list(known.colors),
        "sizes": list(known.sizes),
        "motions": list(MOTIONS) if known.kinds else [],
        "max_looks": capabilities.max_looks,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The models and names of this service; the first name of each kind is the default.

    Without `voices`, answers are text. `languages` are those of the recognizers, and `language` is
    for clients that choose none; it may be AUTO. With `english_only`, the model that answers knows
    no other. `turn_detection`
    is for clients that configure none, and clients that ask for eyeline events get `notices`
    first. A question comes with up to `history` turns before it. With `tools` the model that
    answers calls functions. With `speakers` voices are told apart. If `generation` is None,
    `generation_unavailable` is the reason.
    """

    model: str
    recognizers: tuple[str, ...]
    languages: tuple[str, ...] = ("en",)
    language: str = "en"
    english_only: bool = True
    voices: tuple[str, ...] = ()
    turn_detection: TurnDetection = field(default_factory=TurnDetection)
    notices: tuple[str, ...] = ()
    history: int = 20
    tools: bool = False
    speakers: bool = False
    generation: GenerationCapabilities | None = None
    generation_unavailable: str = "no generation model is loaded"


class ConfigModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PcmFormat(ConfigModel):
    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class UlawFormat(ConfigModel):
    type: Literal["audio/pcmu"]


class AlawFormat(ConfigModel):
    type: Literal["audio/pcma"]


AudioFormat = Annotated[PcmFormat | UlawFormat | AlawFormat, Field(discriminator="type")]


class Transcription(ConfigModel):
    model: str
    language: str | None = None


class AudioInputConfig(ConfigModel):
    format: AudioFormat = PcmFormat(type="audio/pcm")
    transcription: Transcription | None = None
    turn_detection: TurnDetectionConfig | None = None
    noise_reduction: None = None


class AudioOutputConfig(ConfigModel):
    format: AudioFormat = PcmFormat(type="audio/pcm")
    voice: str | None = None
    speed: float = 1.0


class AudioConfig(ConfigModel):
    input: AudioInputConfig
    output: AudioOutputConfig


class TranscriptionAudioConfig(ConfigModel):
    """The audio part of a transcription session, which has no output."""

    input: AudioInputConfig


class RealtimeConfig(ConfigModel):
    type: Literal["realtime"] = "realtime"
    model: str
    output_modalities: tuple[Literal["text", "audio"]]
    instructions: str = Field("", max_length=100_000)
    audio: AudioConfig
    tools: Tools = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    max_output_tokens: MaxTokens = "inf"


class TranscriptionConfig(ConfigModel):
    type: Literal["transcription"] = "transcription"
    audio: TranscriptionAudioConfig


SessionConfig = RealtimeConfig | TranscriptionConfig


def initial_config(capabilities: Capabilities, *, transcription: bool) -> SessionConfig:
    """Return the configuration of a session before the client changes it."""
    recognizer = Transcription(model=capabilities.recognizers[0])
    if transcription:
        detection = server_vad(capabilities.turn_detection)  # nobody waits for an answer
        return TranscriptionConfig(
            audio=TranscriptionAudioConfig(
                input=AudioInputConfig(transcription=recognizer, turn_detection=detection)
            )
        )
    return RealtimeConfig(
        model=capabilities.model,
        output_modalities=("audio",) if capabilities.voices else ("text",),
        audio=AudioConfig(
            input=AudioInputConfig(turn_detection=default_vad(capabilities.turn_detection)),
            output=AudioOutputConfig(voice=capabilities.voices[0] if capabilities.voices else None),
        ),
    )


def session_object(config: SessionConfig, id: str) -> dict[str, object]:
    """Return the session object of `session.created` and `session.updated`."""
    head: dict[str, object] = {"id": id, "object": f"realtime.{_OBJECT_NAMES[config.type]}"}
    body = config.model_dump(mode="json")
    if isinstance(config, TranscriptionConfig):
        return head | body | {"include": None}
    return head | body | UNSUPPORTED


_OBJECT_NAMES = {"realtime": "session", "transcription": "transcription_session"}


def listening_config(
    config: SessionConfig, capabilities: Capabilities, *, translate: bool = False
) -> ListeningConfig:
    """Return how the session listens: its turn detection and language.

    Turns are translated while they are spoken with `translate`, and else when they are over if they
    may be questions to a model that knows English only.
    """
    vad, chosen = config.audio.input.turn_detection, config.audio.input.transcription
    asks = isinstance(config, RealtimeConfig) and (vad is None or vad.create_response)
    return ListeningConfig(
        detection=detection_of(vad, capabilities.turn_detection),
        interrupt=vad is not None and vad.interrupt_response,
        language=(chosen and chosen.language) or capabilities.language,
        translate="live" if translate else "end" if asks and capabilities.english_only else "no",
    )


def chosen_language(name: str, capabilities: Capabilities, notices: list[str]) -> str | None:
    """Return the code of the language that a client names, or AUTO; None is the service's choice.

    A notice says so if it is none of those that the service has.
    """
    code = language_code(name)
    if code == "":
        return AUTO if name.strip() else None
    if code in capabilities.languages:
        return code
    have = f"auto or one of {', '.join(capabilities.languages)}"
    used = f"expected {have}: {capabilities.language!r} is used"
    notices.append(f"language {name[:80]!r} is not available, {used}")
    return None


def query_patch(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the changes of a session that `language` and `translate` in a URL ask for."""
    patch: dict[str, Any] = {}
    if "language" in query:
        patch["audio"] = {"input": {"transcription": {"language": query["language"]}}}
    if "translate" in query:
        patch["eyeline"] = {"translate": query["translate"].lower() in TRUE}
    return patch


def wants_speech(config: SessionConfig) -> bool:
    """Return whether answers are spoken."""
    return isinstance(config, RealtimeConfig) and config.output_modalities == ("audio",)
